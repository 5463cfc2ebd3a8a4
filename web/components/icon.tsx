const circle = (x: number, y: number, r: number): string =>
  `M${x + r} ${y}a${r} ${r} 0 1 1-${2 * r} 0 ${r} ${r} 0 0 1 ${2 * r} 0z`;

/** Stroked paths on a 20 × 20 grid. */
const strokes = {
  home: "M3 9.2 10 3l7 6.2M5 7.6v8.9h10V7.6M8.2 16.5v-4.6h3.6v4.6",
  jobs: "M7 5h10M7 10h10M7 15h10M3.3 5h.01M3.3 10h.01M3.3 15h.01",
  plus: "M10 4v12M4 10h12",
  minus: "M4 10h12",
  queue: "M3.5 6.5 10 3l6.5 3.5L10 10zM3.5 10l6.5 3.5L16.5 10M3.5 13.5 10 17l6.5-3.5",
  sliders: `M3 6h7m4 0h3M3 14h3m4 0h7${circle(12, 6, 2)}${circle(8, 14, 2)}`,
  gear: `M8.5 2.8h3l.5 2 1.6.9 2-.6 1.5 2.6-1.5 1.4v1.8l1.5 1.4-1.5 2.6-2-.6-1.6.9-.5 2h-3l-.5-2-1.6-.9-2 .6-1.5-2.6 1.5-1.4V9.1L2.9 7.7l1.5-2.6 2 .6 1.6-.9z${circle(10, 10, 2.3)}`,
  search: `${circle(9, 9, 5.5)}M13.2 13.2 17 17`,
  sun: `${circle(10, 10, 3.2)}M10 2.5v1.8M10 15.7v1.8M2.5 10h1.8M15.7 10h1.8M4.7 4.7 6 6M14 14l1.3 1.3M4.7 15.3 6 14M14 6l1.3-1.3`,
  moon: "M16.6 12.2A7 7 0 0 1 7.8 3.4a7 7 0 1 0 8.8 8.8z",
  monitor: "M3 4h14v9.5H3zM7 17h6M10 13.5V17",
  globe: `${circle(10, 10, 7.5)}M2.5 10h15M10 2.5c2.2 2.1 3.2 4.6 3.2 7.5s-1 5.4-3.2 7.5c-2.2-2.1-3.2-4.6-3.2-7.5s1-5.4 3.2-7.5z`,
  check: "M4 10.5l4.2 4.2L16 6",
  cross: "M5 5l10 10M15 5 5 15",
  chevronDown: "M5 7.5l5 5 5-5",
  chevronUp: "M5 12.5l5-5 5 5",
  chevronRight: "M7.5 5l5 5-5 5",
  chevronLeft: "M12.5 5l-5 5 5 5",
  first: "M14.5 5l-5 5 5 5M5.5 5v10",
  last: "M5.5 5l5 5-5 5M14.5 5v10",
  arrowRight: "M4 10h12M11 5l5 5-5 5",
  arrowLeft: "M16 10H4M9 5l-5 5 5 5",
  arrowUp: "M10 16V4M5 9l5-5 5 5",
  arrowDown: "M10 4v12M5 11l5 5 5-5",
  copy: "M7 7h9.5v9.5H7zM13 7V3.5H3.5V13H7",
  download: "M10 3v9.5M5.5 8.5 10 13l4.5-4.5M3.5 16.5h13",
  upload: "M10 13V3.5M5.5 7.5 10 3l4.5 4.5M3.5 16.5h13",
  trash: "M3.5 5.5h13M8 5.5V3h4v2.5M5.5 5.5l.7 11.5h7.6l.7-11.5M8.3 8.5v5.5M11.7 8.5v5.5",
  retry: "M16 10a6 6 0 1 1-1.8-4.3M16.2 3v3.5h-3.5",
  stop: `${circle(10, 10, 7)}M7.5 7.5h5v5h-5z`,
  play: "M6.5 4v12l9-6z",
  pause: "M7 4.5v11M13 4.5v11",
  external: "M8 4.5H4v11.5h11.5v-4M11.5 3.5h5v5M16.5 3.5 9.5 10.5",
  info: `${circle(10, 10, 7.5)}M10 9v5M10 6.3v.01`,
  warning: "M10 3 2.5 16.5h15zM10 8v4M10 14.3v.01",
  image: `M3 4h14v12H3zM3 13.5l4-4 4 4 2.5-2.5L17 14.5${circle(13, 7.5, 1.2)}`,
  folder: "M2.5 5h5.5l1.5 2h8v9h-15z",
  file: "M5 2.5h6.5L15.5 6.5v11H5zM11.5 2.5v4h4",
  lock: "M5 9h10v8H5zM7 9V6.5a3 3 0 0 1 6 0V9",
  shield: "M10 2.5l6 2.3v4.7c0 3.7-2.5 6.6-6 8-3.5-1.4-6-4.3-6-8V4.8zM7.3 9.8l2 2 3.4-3.6",
  cube: "M10 2.5l6.5 3.7v7.6L10 17.5l-6.5-3.7V6.2zM3.5 6.2 10 10l6.5-3.8M10 10v7.5",
  coin: `${circle(10, 10, 7.5)}M12.5 7.3c-.5-.8-1.4-1.2-2.5-1.2-1.5 0-2.5.7-2.5 1.8 0 2.7 5.2 1.3 5.2 4.1 0 1.2-1.2 1.9-2.7 1.9-1.3 0-2.3-.5-2.8-1.4M10 4.5v1.6M10 13.9v1.6`,
  chart: "M3 3v14h14M6 13l3.5-4 3 2.5L17 5.5",
  log: "M3 4.5h14v11H3zM5.5 8l2 2-2 2M9.5 12.5h4",
  menu: "M3 5.5h14M3 10h14M3 14.5h14",
  more: "M4.5 10h.01M10 10h.01M15.5 10h.01",
  panel: "M3 4h14v12H3zM8 4v12",
  expand: "M3.5 7.5v-4h4M16.5 7.5v-4h-4M3.5 12.5v4h4M16.5 12.5v4h-4",
  pin: "M7.5 3h5l-.5 5 2.5 3h-9L8 8zM10 11v6",
  filter: "M3 4.5h14l-5.5 6.5v5l-3-1.5v-3.5z",
  edit: "M4 13.5V16h2.5L15.5 7 13 4.5z",
  clock: `${circle(10, 10, 7.5)}M10 5.5V10l3 2`,
  hourglass: "M5 3h10M5 17h10M6 3c0 4.5 3.2 5.2 3.2 7S6 12.5 6 17M14 3c0 4.5-3.2 5.2-3.2 7s3.2 2.5 3.2 7",
  dot: circle(10, 10, 7),
  tick: `${circle(10, 10, 7.5)}M6.5 10.3l2.5 2.5 4.6-5`,
  fail: `${circle(10, 10, 7.5)}M7.3 7.3l5.4 5.4M12.7 7.3l-5.4 5.4`,
  slash: `${circle(10, 10, 7.5)}M5 15 15 5`,
  sending: `${circle(10, 10, 7.5)}M10 14V6.5M6.8 9.5 10 6.3l3.2 3.2`,
  unknown: `${circle(10, 10, 7.5)}M7.7 8a2.3 2.3 0 1 1 3.4 2c-.7.4-1.1.8-1.1 1.6M10 14v.01`,
  eye: `M2.5 10c2-3.4 4.5-5 7.5-5s5.5 1.6 7.5 5c-2 3.4-4.5 5-7.5 5s-5.5-1.6-7.5-5z${circle(10, 10, 2.2)}`,
  eyeOff:
    "M3.5 3.5l13 13M8 5.3c.6-.2 1.3-.3 2-.3 3 0 5.5 1.6 7.5 5-.7 1.2-1.5 2.2-2.4 3M12.5 14.600c-.8.3-1.6.4-2.5.4-3 0-5.5-1.6-7.5-5 .8-1.4 1.7-2.5 2.7-3.300M8.3 8.500a2.2 2.2 0 0 0 3.1 3.1",
  people: `${circle(7.5, 7, 2.6)}M2.3 16.500c.4-3 2.5-4.5 5.2-4.500s4.8 1.5 5.2 4.500M13 4.600a2.6 2.6 0 0 1 0 4.900M14.8 12.400c1.6.6 2.7 2 2.9 4.1`,
  key: `${circle(7, 13, 3.5)}M9.5 10.5 16.5 3.500M13.5 6.500l2.5 2.500M11 9l1.8 1.8`,
  signOut: "M8 3.500H4v13h4M12.5 6.5 16 10l-3.5 3.500M16 10H7.5",
  person: `${circle(10, 6.5, 3)}M3.8 17c.5-3.5 3-5.3 6.2-5.3s5.7 1.8 6.2 5.3`,
  book: "M3.5 4c2.5-.8 4.7-.6 6.5.8v12c-1.8-1.3-4-1.5-6.5-.8zM16.5 4c-2.5-.8-4.7-.6-6.5.8v12c1.8-1.3 4-1.5 6.5-.8z",
  bolt: "M11 2.5 4.5 11.5h5l-.5 6 6.5-9h-5z",
} as const;

/** A name of the product's own icon set. */
export type IconName = keyof typeof strokes;

const solid: readonly IconName[] = ["dot", "play"];

/** An icon of 1.25 em, coloured by its text; hidden from screen readers unless `label` names it. */
export function Icon({ name, label, class: className }: { name: IconName; label?: string; class?: string }) {
  const paint = solid.includes(name)
    ? { fill: "currentColor", stroke: "currentColor" }
    : { fill: "none", stroke: "currentColor" };
  return (
    <svg
      class={`icon ${className ?? ""}`}
      viewBox="0 0 20 20"
      stroke-width="1.6"
      stroke-linecap="round"
      stroke-linejoin="round"
      {...paint}
      {...(label ? { role: "img", "aria-label": label } : { "aria-hidden": "true" })}
    >
      <path d={strokes[name]} />
    </svg>
  );
}
