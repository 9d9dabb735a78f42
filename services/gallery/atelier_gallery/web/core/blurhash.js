/** BlurHash (https://blurha.sh) to pixels: the colours of a picture before the picture is there. */

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~";

/**
 * RGBA of `width` × `height`, or null when `hash` is none.
 *
 * @param {string} hash
 * @param {number} width
 * @param {number} height
 * @returns {Uint8ClampedArray<ArrayBuffer> | null}
 */
export function decode(hash, width, height) {
  const size = number(hash, 0, 1);
  const across = (size % 9) + 1;
  const down = Math.floor(size / 9) + 1;
  if (size < 0 || hash.length !== 4 + 2 * across * down) return null;
  const most = (number(hash, 1, 2) + 1) / 166;
  /** @type {number[][]} */
  const colours = [];
  for (let index = 0; index < across * down; index += 1) {
    colours.push(index ? detail(number(hash, 4 + index * 2, 6 + index * 2), most) : average(number(hash, 2, 6)));
  }
  return painted(colours, across, width, height);
}

/**
 * @param {number[][]} colours
 * @param {number} across
 * @param {number} width
 * @param {number} height
 */
function painted(colours, across, width, height) {
  const pixels = new Uint8ClampedArray(width * height * 4);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const sum = [0, 0, 0];
      colours.forEach((colour, index) => {
        const basis = Math.cos((Math.PI * x * (index % across)) / width)
          * Math.cos((Math.PI * y * Math.floor(index / across)) / height);
        for (let channel = 0; channel < 3; channel += 1) sum[channel] = (sum[channel] ?? 0) + (colour[channel] ?? 0) * basis;
      });
      pixels.set([...sum.map(toSrgb), 255], (y * width + x) * 4);
    }
  }
  return pixels;
}

/** @param {string} hash @param {number} from @param {number} to */
function number(hash, from, to) {
  let value = 0;
  for (let index = from; index < to; index += 1) {
    const digit = DIGITS.indexOf(hash[index] ?? " ");
    if (digit < 0) return -1;
    value = value * 83 + digit;
  }
  return value;
}

/** @param {number} value */
const average = (value) => [value >> 16, (value >> 8) & 255, value & 255].map(toLinear);

/** @param {number} value @param {number} most */
const detail = (value, most) => [Math.floor(value / 361), Math.floor(value / 19) % 19, value % 19]
  .map((part) => Math.sign(part - 9) * ((part - 9) / 9) ** 2 * most);

/** @param {number} value */
const toLinear = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);

/** @param {number} value */
const toSrgb = (value) => {
  const kept = Math.min(1, Math.max(0, value));
  return Math.round((kept <= 0.0031308 ? kept * 12.92 : 1.055 * kept ** (1 / 2.4) - 0.055) * 255);
};
