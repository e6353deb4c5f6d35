// Rows of pictures in their own shapes, all of one width and nearly one height.

/** Divide shapes (width by height each) into rows of `width`, as near to height `target` as they
 *  get; returns `{ count, height, full }` a row. The last one keeps to the target where it is not full. */
export function rowsOf(ratios, width, target, gap) {
  const rows = [];
  let at = 0;
  while (at < ratios.length) {
    const row = rowFrom(ratios, at, width, target, gap);
    rows.push(row);
    at += row.count;
  }
  return rows;
}

/** Take shapes until the row is full; leave the last one out where that comes nearer. */
function rowFrom(ratios, at, width, target, gap) {
  let sum = 0;
  let before = Infinity;
  for (let count = 1; at + count <= ratios.length; count += 1) {
    sum += ratios[at + count - 1];
    const height = (width - gap * (count - 1)) / sum;
    if (height <= target) {
      const shorter = count > 1 && before / target < target / height;
      return shorter ? { count: count - 1, height: before, full: true } : { count, height, full: true };
    }
    before = height;
  }
  return { count: ratios.length - at, height: target, full: false };
}
