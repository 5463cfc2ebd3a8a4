/** Grounds on which the log stands, as 0xRRGGBB: the surface colours of the two themes. */
export const logGrounds = { light: 0xffffff, dark: 0x161b22 } as const;

/**
 * The colour a program asked for, moved towards black or white only as far as it needs to be readable on the theme's
 * ground (WCAG contrast 4.5). Hue is kept; a colour that already reads is answered unchanged, as `#rrggbb`.
 */
export function readableColour(rgb: number, ground: number): string {
  const towards = luminance(ground) > 0.18 ? 0x000000 : 0xffffff;
  for (let share = 0; share < 1; share += 0.05) {
    const mixed = mix(rgb, towards, share);
    if (contrast(mixed, ground) >= 4.5) return hex(mixed);
  }
  return hex(towards);
}

/** WCAG 2 contrast ratio of two colours, 1..21. */
export function contrast(a: number, b: number): number {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

/** `#rrggbb` of 0xRRGGBB. */
export function hex(rgb: number): string {
  return `#${rgb.toString(16).padStart(6, "0")}`;
}

/** Relative luminance 0..1, WCAG 2 definition. */
function luminance(rgb: number): number {
  const [red, green, blue] = channels(rgb).map((channel) => {
    const value = channel / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function mix(from: number, to: number, share: number): number {
  const target = channels(to);
  const [red, green, blue] = channels(from).map((channel, index) =>
    Math.round(channel + ((target[index] ?? 0) - channel) * share),
  ) as [number, number, number];
  return (red << 16) | (green << 8) | blue;
}

function channels(rgb: number): [number, number, number] {
  return [(rgb >> 16) & 255, (rgb >> 8) & 255, rgb & 255];
}
