/**
 * Whether `*` and `?` in the glob can stand for what the text has in their places. Only the last star is ever tried
 * again, so that no text of a peer's making takes longer than the product of both lengths.
 */
export function fitsGlob(glob: string, text: string): boolean {
  let star = -1;
  let starTakesTo = 0;
  let at = 0;
  for (let next = 0; next < text.length; ) {
    if (glob[at] === '*') {
      star = at++;
      starTakesTo = next;
    } else if (glob[at] === '?' || glob[at] === text[next]) {
      at++;
      next++;
    } else if (star >= 0) {
      at = star + 1;
      next = ++starTakesTo;
    } else {
      return false;
    }
  }
  while (glob[at] === '*') at++;
  return at === glob.length;
}
