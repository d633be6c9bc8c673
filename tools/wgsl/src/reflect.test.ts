// Reflection of WGSL outlines, layouts by the rules of the WGSL specification.
import { describe, expect, it } from 'vitest';
import { reflectWgsl } from './reflect.ts';

const text = `
enable f16;
enable subgroups;
// a comment with fn fake() { and a brace
override WIDTH: u32;
override SCALE: f32 = 1.0;
const MASK: u32 = (1u << 3u) - 1u;
const LANES: u32 = 64u;
alias Four = vec4<f32>;
struct Row { slot: u32, position: u32, @align(16) spin: vec2<f32>, last: array<vec3<f32>, LANES / 32u>, }
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(0) var<storage, read> x: array<Row>;
@group(0) @binding(1) var<storage> z: array<u32>;
var<workgroup> scratch: array<Four, 2u * (LANES + 1u)>;
var<private> mine: u32;
fn less(a: u32, b: ptr<function, array<f32, 4>>) -> bool { if (a < 3u) { return true; } return subgroupAny(a > 1u); }
@compute @workgroup_size(LANES, 2)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lane: u32) { y[0] = Four(f32(1.0h)); }
`;

describe('reflectWgsl', () => {
  const found = reflectWgsl(text);

  it('lists bindings with their index and access', () => {
    expect(found.bindings.map(({ name, index, access, type }) => [name, index, access, type])).toEqual([
      ['y', 2, 'read_write', 'array<vec4<f32>>'],
      ['x', 0, 'read', 'array<Row>'],
      ['z', 1, 'read', 'array<u32>'],
    ]);
  });

  it('lists overrides, features and functions', () => {
    expect(found.overrides).toEqual(['WIDTH', 'SCALE']);
    expect(found.enabled).toEqual(['f16', 'subgroups']);
    expect(found.used).toEqual(['f16', 'subgroups']);
    expect(found.functions.map(({ name, result }) => [name, result])).toEqual([
      ['less', 'bool'],
      ['main', undefined],
    ]);
    expect(found.functions[0]?.parameters).toEqual(['a: u32', 'b: ptr<function, array<f32, 4>>']);
  });

  it('lays structs out', () => {
    const [row] = found.structs;
    expect(row?.members.map(({ name, offset }) => [name, offset])).toEqual([
      ['slot', 0],
      ['position', 4],
      ['spin', 16],
      ['last', 32],
    ]);
    expect(row?.layout).toEqual({ size: 64, align: 16 });
  });

  it('adds up workgroup memory and invocations', () => {
    expect(found.workgroupBytes).toBe(130 * 16);
    expect(found.invocations).toBe(128);
  });

  it('knows no sizes that depend on an override', () => {
    const open = reflectWgsl('override N: u32; var<workgroup> a: array<f32, N>; @workgroup_size(N) fn main() {}');
    expect(open.workgroupBytes).toBeUndefined();
    expect(open.invocations).toBeUndefined();
  });

  it('sees no features where there are none', () => {
    expect(reflectWgsl('fn main(subgroup_size: u32) { let depth = 1.0; }').used).toEqual([]);
  });

  it('lays matrices and vectors of three out', () => {
    const { structs } = reflectWgsl(
      'struct S { a: mat2x3<f32>, b: f32, c: vec3f, d: f32, e: vec2<f16>, f: array<f32> }',
    );
    expect(structs[0]?.members.map(({ offset }) => offset)).toEqual([0, 32, 48, 60, 64, undefined]);
  });

  it('refuses what is no declaration', () => {
    expect(() => reflectWgsl('let x = 1;')).toThrow("'let' does not open a declaration");
    expect(() => reflectWgsl('fn main() { ')).toThrow('found the end');
  });
});
