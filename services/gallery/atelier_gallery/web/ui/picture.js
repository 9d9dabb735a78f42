import { decode } from "../core/blurhash.js";
import { h, html, useEffect, useLayoutEffect, useRef, useState } from "./html.js";

const WAITS = [1_000, 2_000, 4_000, 8_000, 16_000];
/** Longer than a picture takes to fade in: until then its colours are seen through it. */
const FADED = 600;

/**
 * A picture that comes: its colours first, then itself. A thumbnail is derived on the first view and the server may
 * ask for patience, so a failed load is tried again.
 *
 * @param {object} props
 * @param {string} props.src
 * @param {string} props.alt
 * @param {string | null} [props.blurhash]
 * @param {number} [props.width]
 * @param {number} [props.height]
 * @param {import("./html.js").Children} [props.broken]  shown when it never comes
 */
export function Picture({ src, alt, blurhash = null, width, height, broken = null }) {
  const [state, setState] = useState({ src, loaded: false, faded: false, failures: 0, attempt: 0 });
  const current = state.src === src ? state : { src, loaded: false, faded: false, failures: 0, attempt: 0 };
  useEffect(() => {
    const wait = WAITS[current.failures - 1];
    if (current.failures === current.attempt || wait === undefined) return undefined;
    const timer = setTimeout(() => setState({ ...current, attempt: current.failures }), wait);
    return () => clearTimeout(timer);
  }, [src, current.failures, current.attempt]);
  useEffect(() => {
    if (!current.loaded || current.faded) return undefined;
    const timer = setTimeout(() => setState({ ...current, faded: true }), FADED);
    return () => clearTimeout(timer);
  }, [src, current.loaded, current.faded]);
  const gone = current.failures > WAITS.length;
  const loading = current.failures === current.attempt;
  return html`<span class="picture" data-loaded=${String(current.loaded)}>
    ${!current.faded && h(Colours, { hash: blurhash })}
    ${!gone && loading && html`<img key=${`${src}#${current.attempt}`} src=${src} alt=${alt} width=${width} height=${height}
      decoding="async" draggable=${false}
      onLoad=${() => setState({ ...current, loaded: true })}
      onError=${() => setState({ ...current, failures: current.failures + 1 })} />`}
    ${gone && broken}</span>`;
}

const SIZE = 24;

/** @param {{hash: string | null}} props */
function Colours({ hash }) {
  const ref = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  useLayoutEffect(() => {
    const pixels = hash ? decode(hash, SIZE, SIZE) : null;
    if (pixels) ref.current?.getContext("2d")?.putImageData(new ImageData(pixels, SIZE, SIZE), 0, 0);
  }, [hash]);
  return hash
    ? html`<canvas ref=${ref} class="colours" width=${SIZE} height=${SIZE} aria-hidden="true"></canvas>`
    : html`<span class="colours skeleton" aria-hidden="true"></span>`;
}
