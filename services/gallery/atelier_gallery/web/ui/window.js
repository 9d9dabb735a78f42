/** Which part of a long grid is there, and where the keys go. Pure. */

/**
 * @param {number} width
 * @param {number} min  a cell is not narrower
 * @param {number} gap
 */
export function columnsFor(width, min, gap) {
  return Math.max(2, Math.floor((width + gap) / (min + gap)));
}

/**
 * The rows to mount: those in view, some beyond, and `keep` wherever it is.
 *
 * @param {object} of
 * @param {number} of.top  of the viewport, relative to the grid
 * @param {number} of.height  of the viewport
 * @param {number} of.rowHeight  gap included
 * @param {number} of.rows
 * @param {number} [of.overscan]
 * @param {number | null} [of.keep]  the row that has the focus
 * @returns {number[]}
 */
export function visibleRows({ top, height, rowHeight, rows, overscan = 3, keep = null }) {
  if (rows <= 0 || rowHeight <= 0) return [];
  const first = Math.max(0, Math.floor(top / rowHeight) - overscan);
  const last = Math.min(rows - 1, Math.floor((top + height) / rowHeight) + overscan);
  const shown = [];
  for (let row = first; row <= last; row += 1) shown.push(row);
  if (keep !== null && keep >= 0 && keep < rows && (keep < first || keep > last)) shown.push(keep);
  return shown.sort((a, b) => a - b);
}

/**
 * The cell a key leads to, or null when the key means nothing in a grid.
 *
 * @param {object} of
 * @param {string} of.key
 * @param {boolean} of.mod  Ctrl or Command
 * @param {number} of.index
 * @param {number} of.columns
 * @param {number} of.count
 * @param {number} of.page  rows of one page
 * @returns {number | null}
 */
export function destination({ key, mod, index, columns, count, page }) {
  const start = index - (index % columns);
  const end = Math.min(count - 1, start + columns - 1);
  switch (key) {
    case "ArrowLeft": return Math.max(0, index - 1);
    case "ArrowRight": return Math.min(count - 1, index + 1);
    case "ArrowUp": return index >= columns ? index - columns : index;
    case "ArrowDown": return below(index, columns, count, 1);
    case "PageUp": return Math.max(index % columns, index - columns * page);
    case "PageDown": return below(index, columns, count, page);
    case "Home": return mod ? 0 : start;
    case "End": return mod ? count - 1 : end;
    default: return null;
  }
}

/** @param {number} index @param {number} columns @param {number} count @param {number} rows */
function below(index, columns, count, rows) {
  const lastRow = Math.floor((count - 1) / columns);
  const row = Math.min(lastRow, Math.floor(index / columns) + rows);
  return Math.min(count - 1, row * columns + (index % columns));
}
