// int4 weights in groups of scattered columns, multiplied in f32.
import package::formats::int4::codes::{code_oct};
import package::formats::tables::{weight_dot, weight_oct};
