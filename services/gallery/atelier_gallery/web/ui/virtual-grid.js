import { h, html, useEffect, useLayoutEffect, useRef, useState } from "./html.js";
import { columnsFor, destination, visibleRows } from "./window.js";

/**
 * @template {{id: string}} T
 * @typedef {object} GridProps
 * @property {readonly T[]} items
 * @property {boolean} more  whether there are items beyond these
 * @property {string} label
 * @property {number} min  width of a cell at least
 * @property {number} gap
 * @property {string | null} active  id of the cell that tabbing reaches
 * @property {number} focusRequest  raised to move the focus to the active cell
 * @property {(item: T) => string} name  of a cell
 * @property {(item: T) => import("./html.js").Children} cell
 * @property {(id: string, focus: boolean) => void} onActive  focus: and move the focus there
 * @property {(item: T) => void} onOpen
 * @property {(item: T, key: string) => boolean} onKey  whether the key was used
 * @property {() => void} onNearEnd
 */

/**
 * A grid of square cells in the page's own scroll, mounted only where it is seen. One tab stop; arrows move.
 *
 * @template {{id: string}} T
 * @param {GridProps<T>} props
 */
export function VirtualGrid({ items, more, label, min, gap, active, focusRequest, name, cell, onActive, onOpen, onKey, onNearEnd }) {
  const ref = useRef(/** @type {HTMLElement | null} */ (null));
  const view = useView(ref);
  const columns = columnsFor(view.width, min, gap);
  const side = (view.width - gap * (columns - 1)) / columns;
  const rowHeight = side + gap;
  const rows = Math.ceil(items.length / columns);
  const index = Math.max(0, items.findIndex((item) => item.id === active));
  const shown = view.width ? visibleRows({ top: view.top, height: view.height, rowHeight, rows, keep: Math.floor(index / columns) }) : [];

  useEffect(() => {
    if (more && view.width && view.top + 2 * view.height > rows * rowHeight) onNearEnd();
  }, [more, view.top, view.height, view.width, rows, rowHeight]);

  const asked = useRef(focusRequest);
  useLayoutEffect(() => {
    if (asked.current === focusRequest) return;
    asked.current = focusRequest;
    const target = /** @type {HTMLElement | null} */ (ref.current?.querySelector('[role="gridcell"][tabindex="0"]') ?? null);
    target?.focus({ preventScroll: true });
    target?.scrollIntoView({ block: "nearest" });
  });

  /** @param {number} to */
  const moveTo = (to) => {
    const item = items[to];
    if (item) onActive(item.id, true);
  };
  /** @param {KeyboardEvent} event */
  const keyDown = (event) => {
    const item = items[index];
    if (!item || event.altKey || !/** @type {Element} */ (event.target).matches('[role="gridcell"]')) return;
    const page = Math.max(1, Math.floor(view.height / rowHeight) - 1);
    const to = destination({ key: event.key, mod: event.ctrlKey || event.metaKey, index, columns, count: items.length, page });
    if (to !== null) moveTo(to);
    else if (event.key === "Enter" || event.key === " ") onOpen(item);
    else if (!onKey(item, event.key)) return;
    event.preventDefault();
  };

  return html`<div ref=${ref} class="virtual-grid" role="grid" aria-label=${label} onKeyDown=${keyDown}
    aria-rowcount=${more ? -1 : rows} aria-colcount=${columns} style=${{ height: `${Math.max(0, rows * rowHeight - gap)}px` }}>
    ${shown.map((row) => html`<div key=${row} role="row" aria-rowindex=${row + 1} class="virtual-row"
      style=${{ transform: `translateY(${row * rowHeight}px)`, height: `${side}px`, gap: `${gap}px`, gridTemplateColumns: `repeat(${columns}, 1fr)` }}>
      ${items.slice(row * columns, (row + 1) * columns).map((item, column) => h(Cell, {
    key: item.id, column: column + 1, name: name(item), active: row * columns + column === index,
    onFocus: () => { if (row * columns + column !== index) onActive(item.id, false); },
    onClick: () => onOpen(item), children: cell(item),
  }))}</div>`)}</div>`;
}

/**
 * @param {{column: number, name: string, active: boolean, onFocus: () => void, onClick: () => void, key?: string,
 *   children: import("./html.js").Children}} props
 */
function Cell({ column, name, active, onFocus, onClick, children }) {
  return html`<div role="gridcell" class="cell" aria-colindex=${column} aria-label=${name} tabindex=${active ? 0 : -1}
    onFocus=${onFocus} onClick=${onClick}>${children}</div>`;
}

/**
 * Where the viewport is relative to the element, and how wide the element is.
 *
 * @param {{current: HTMLElement | null}} ref
 */
function useView(ref) {
  const [view, setView] = useState({ top: 0, height: 0, width: 0 });
  useLayoutEffect(() => {
    let frame = 0;
    const measure = () => {
      frame = 0;
      const box = ref.current?.getBoundingClientRect();
      if (!box) return;
      const next = { top: -box.top, height: window.innerHeight, width: box.width };
      setView((old) => (old.top === next.top && old.height === next.height && old.width === next.width ? old : next));
    };
    const later = () => { frame ||= requestAnimationFrame(measure); };
    measure();
    // The body too: what stands above the grid moves it without any scrolling.
    const observer = new ResizeObserver(later);
    if (ref.current) observer.observe(ref.current);
    observer.observe(document.body);
    window.addEventListener("scroll", later, { passive: true });
    window.addEventListener("resize", later, { passive: true });
    return () => {
      cancelAnimationFrame(frame);
      observer.disconnect();
      window.removeEventListener("scroll", later);
      window.removeEventListener("resize", later);
    };
  }, []);
  return view;
}
