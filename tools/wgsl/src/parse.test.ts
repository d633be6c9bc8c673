// The linker's subset: every construct alone, nested, and at the places where it may stand.
import { describe, expect, it } from 'vitest';
import { parseWgsl, type Segment } from './parse.ts';

/** What the run-time linker makes of segments, in short. */
function join(
  segments: readonly Segment[],
  flags: Record<string, boolean> = {},
  knobs: Record<string, string> = {},
): string {
  return segments
    .map((segment) => {
      if (typeof segment === 'string') return segment;
      if ('knob' in segment) return knobs[segment.knob] ?? segment.value;
      return (flags[segment.flag] ?? false) === segment.wanted ? join(segment.body, flags, knobs) : '';
    })
    .join('');
}

/** Linked text without white space, so that expectations do not depend on line breaks. */
function linked(source: string, flags?: Record<string, boolean>, knobs?: Record<string, string>): string {
  return join(parseWgsl(source, 'test').segments, flags, knobs).replace(/\s+/g, ' ').trim();
}

describe('imports', () => {
  it('separates files from slots and keeps the promised names', () => {
    const parsed = parseWgsl(
      'import package::lib::reduce::{reduce_sum, reduce_max};\nimport slot::weights::{weight_dot};\nfn main() {}\n',
      'test',
    );
    expect(parsed.files).toEqual(['lib/reduce']);
    expect(parsed.slots).toEqual(['weights']);
    expect(parsed.promised).toEqual({ 'lib/reduce': ['reduce_sum', 'reduce_max'], weights: ['weight_dot'] });
    expect(parsed.segments).toEqual(['fn main() {}\n']);
  });

  it('takes an import without names', () => {
    expect(parseWgsl('import slot::end;\n', 'test').promised).toEqual({ end: [] });
  });

  it.each(['import lib::x;', 'import package::lib::x::{a}', 'enable f16;', 'requires pointer_composite_access;'])(
    'refuses %s',
    (line) => {
      expect(() => parseWgsl(`\n${line}\n`, 'op/op')).toThrow('op/op:2:');
    },
  );
});

describe('knobs', () => {
  it('keep their default and take another value, wherever they are read', () => {
    const source = 'const LANES: u32 = 64u; // knob: invocations\nvar<workgroup> a: array<f32, LANES>;\n';
    expect(linked(source)).toBe('const LANES: u32 = 64u; var<workgroup> a: array<f32, LANES>;');
    expect(linked(source, {}, { LANES: '32u' })).toContain('LANES: u32 = 32u;');
  });

  it('may be types', () => {
    expect(linked('alias Element = f32; // knob: storage type\n', {}, { Element: 'f16' })).toBe('alias Element = f16;');
  });

  it('are only what says so', () => {
    expect(parseWgsl('const A: u32 = 1u; // not one\n', 'test').segments).toEqual(['const A: u32 = 1u;\n']);
  });
});

describe('@if', () => {
  const both = (source: string): [string, string] => [linked(source, { f: true }), linked(source)];

  it('keeps or drops a declaration', () => {
    const source = '@if(f) @group(0) @binding(1) var<storage, read> b: array<f32>;\nfn main() {}\n';
    expect(both(source)).toEqual([
      '@group(0) @binding(1) var<storage, read> b: array<f32>; fn main() {}',
      'fn main() {}',
    ]);
  });

  it('keeps or drops a function with its body', () => {
    expect(both('@if(f) fn a() { if (x) { y(); } }\nfn b() {}\n')).toEqual([
      'fn a() { if (x) { y(); } } fn b() {}',
      'fn b() {}',
    ]);
  });

  it('keeps or drops a statement', () => {
    expect(both('fn a() { @if(f) b = c[1] + d(2, 3); e(); }\n')).toEqual([
      'fn a() { b = c[1] + d(2, 3); e(); }',
      'fn a() { e(); }',
    ]);
  });

  it('takes else branches along', () => {
    const source = 'fn a() { @if(f) if (x) { b(); } else if (y) { c(); } else { d(); } e(); }\n';
    expect(both(source)).toEqual([
      'fn a() { if (x) { b(); } else if (y) { c(); } else { d(); } e(); }',
      'fn a() { e(); }',
    ]);
  });

  it('keeps or drops a loop', () => {
    expect(both('fn a() { @if(f) for (var i = 0u; i < 3u; i++) { b(i); } c(); }\n')).toEqual([
      'fn a() { for (var i = 0u; i < 3u; i++) { b(i); } c(); }',
      'fn a() { c(); }',
    ]);
  });

  it('keeps or drops a parameter, the last one too', () => {
    expect(both('fn a(x: u32, @if(f) y: array<u32, 4>, z: u32) {}\n')).toEqual([
      'fn a(x: u32, y: array<u32, 4>, z: u32) {}',
      'fn a(x: u32, z: u32) {}',
    ]);
    expect(both('fn a(x: u32, @if(f) y: vec2<u32>) {}\n')).toEqual([
      'fn a(x: u32, y: vec2<u32>) {}',
      'fn a(x: u32, ) {}',
    ]);
  });

  it('keeps or drops a member', () => {
    expect(both('struct S { a: u32, @if(f) b: array<vec2<f32>, 4>, c: u32 }\n')).toEqual([
      'struct S { a: u32, b: array<vec2<f32>, 4>, c: u32 }',
      'struct S { a: u32, c: u32 }',
    ]);
  });

  it('negates', () => {
    expect(both('fn a() { @if(f) b(); @if(!f) c(); }\n')).toEqual(['fn a() { b(); }', 'fn a() { c(); }']);
  });

  it('nests, with knobs inside', () => {
    const source = 'const N: u32 = 2u; // knob: n\n@if(f) fn a() { b(); @if(g) c(); d(); }\n';
    expect(linked(source, { f: true })).toBe('const N: u32 = 2u; fn a() { b(); d(); }');
    expect(linked(source, { f: true, g: true })).toBe('const N: u32 = 2u; fn a() { b(); c(); d(); }');
    expect(linked(source, { g: true })).toBe('const N: u32 = 2u;');
  });

  it('works twice on one declaration', () => {
    const source = '@if(f) @if(g) fn a() {}\nfn b() {}\n';
    expect(linked(source, { f: true, g: true })).toBe('fn a() {} fn b() {}');
    expect(linked(source, { f: true })).toBe('fn b() {}');
  });

  it('may wrap a knob', () => {
    const source = '@if(f)\nconst N: u32 = 2u; // knob: n\nfn a() {}\n';
    expect(linked(source, { f: true }, { N: '7u' })).toBe('const N: u32 = 7u; fn a() {}');
    expect(linked(source)).toBe('fn a() {}');
  });

  it('names file and place of what is malformed', () => {
    expect(() => parseWgsl('@if(a && b) fn c() {}\n', 'op/op')).toThrow("op/op: malformed @if near '@if(a && b)");
    expect(() => parseWgsl('@if(a) fn c() {\n', 'op/op')).toThrow('op/op: @if without an end');
  });
});

describe('comments', () => {
  it('are dropped, with the lines that hold nothing else', () => {
    expect(parseWgsl('// head\n\nfn a() {} // tail\n', 'test').segments).toEqual(['fn a() {}\n']);
  });
});
