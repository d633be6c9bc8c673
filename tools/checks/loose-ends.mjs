// Things that must not be committed anywhere: work left open, silenced tools, skipped tests, paths of somebody's
// machine, addresses of package mirrors.

/** Helpers may skip by name what a machine lacks. */
const testHelper = /(^|\/)testing\//;

const rules = [
  { pattern: /\b(TODO|FIXME|XXX)\b/, message: 'work left open: do it, or write an issue' },
  {
    pattern: /@ts-(ignore|nocheck|expect-error)|biome-ignore|eslint-disable/,
    message: 'a silenced tool: mend the cause',
  },
  {
    pattern: /\b(it|test|describe)\.(skip|only|todo|fails)\b/,
    message: 'a skipped or focused test',
    except: testHelper,
  },
  { pattern: /(^|[\s"'`(=:])\/(home|root|Users|work)\/\w/, message: "a path of somebody's machine" },
  { pattern: /\bC:\\+Users\b/i, message: "a path of somebody's machine" },
  {
    pattern: /https?:\/\/(registry|deb|snapshot|security|archive)\.[\w-]+\.\w/,
    message: 'an address of a package registry',
  },
];

/** This folder speaks about what it forbids. */
const isExempt = (path) => path.startsWith('tools/checks/');

/** @param {import('./sources.mjs').Source[]} sources @returns {import('./sources.mjs').Complaint[]} */
export function checkLooseEnds(sources) {
  return sources
    .filter(({ path }) => !isExempt(path))
    .flatMap(({ path, text }) =>
      text
        .split('\n')
        .flatMap((content, index) =>
          rules
            .filter(({ pattern, except }) => pattern.test(content) && !except?.test(path))
            .map(({ message }) => ({ path, line: index + 1, message })),
        ),
    );
}
