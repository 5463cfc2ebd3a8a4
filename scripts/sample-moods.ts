/** Light and colours of one time of day, for the painted sample pictures. Colours are CSS hex values. */
export interface Mood {
  /** End of the caption: `a lighthouse on a green headland <caption>`. */
  caption: string;
  /** From the zenith down to the horizon. */
  sky: readonly string[];
  light: string;
  /** Strength of the light's glow, 0 to 1. */
  glow: number;
  /** Colour of the sun or moon; empty when clouds hide it. */
  disc: string;
  /** Lowest and highest position above the waterline, canvas pixels. */
  lightHeight: readonly [number, number];
  moon: boolean;
  beam: boolean;
  clouds: number;
  cloudLight: string;
  cloudShade: string;
  sea: readonly [string, string];
  seaLight: string;
  seaDark: string;
  /** Distant hills, the palest first. */
  far: readonly string[];
  grass: string;
  grassLight: string;
  grassDark: string;
  rock: string;
  rim: string;
  flower: string;
  /** Share of grass marks that are flowers, 0 to 1. */
  flowers: number;
  white: string;
  red: string;
  roof: string;
  window: string;
}

/** Six times of day, from dawn to a moonlit night. */
export const moods: readonly Mood[] = [
  {
    caption: "at dawn, pink sky, calm sea",
    sky: ["#7d8fc9", "#c9a5cf", "#f5b9b4", "#ffe0b8"],
    light: "#ffe9c2",
    glow: 0.9,
    disc: "#fff4d8",
    lightHeight: [18, 60],
    moon: false,
    beam: false,
    clouds: 4,
    cloudLight: "#ffe3d6",
    cloudShade: "#b893bd",
    sea: ["#e9b9b5", "#6d7fb0"],
    seaLight: "#ffdccb",
    seaDark: "#7c86b5",
    far: ["#b9a3c8", "#8f86b4"],
    grass: "#6f8f62",
    grassLight: "#a9b877",
    grassDark: "#3d5a4e",
    rock: "#7a6478",
    rim: "#ffe2b0",
    flower: "#f7a8c4",
    flowers: 0.3,
    white: "#fbeee6",
    red: "#c9515a",
    roof: "#4b4366",
    window: "#8aa0c8",
  },
  {
    caption: "at noon, blue sky, white clouds",
    sky: ["#2f7fd6", "#5aa7ea", "#9fd0f3", "#d8effa"],
    light: "#fffbe6",
    glow: 0.55,
    disc: "#fffef2",
    lightHeight: [170, 215],
    moon: false,
    beam: false,
    clouds: 5,
    cloudLight: "#ffffff",
    cloudShade: "#b4cde6",
    sea: ["#4fb0d8", "#0f5f9e"],
    seaLight: "#bfeaf5",
    seaDark: "#0e5a98",
    far: ["#8fb7d2", "#6798b0"],
    grass: "#5aa546",
    grassLight: "#a5d25a",
    grassDark: "#2c6b3a",
    rock: "#a08a70",
    rim: "#f4ffc8",
    flower: "#ffdf4d",
    flowers: 0.35,
    white: "#ffffff",
    red: "#d93a32",
    roof: "#54484a",
    window: "#5f9dd0",
  },
  {
    caption: "at sunset, orange sky, golden light on the water",
    sky: ["#43366f", "#a8456f", "#ee6f4a", "#ffc857"],
    light: "#ffd873",
    glow: 1,
    disc: "#fff0b0",
    lightHeight: [16, 56],
    moon: false,
    beam: false,
    clouds: 5,
    cloudLight: "#ff9d6b",
    cloudShade: "#7a3a68",
    sea: ["#f59a54", "#47295c"],
    seaLight: "#ffbf6e",
    seaDark: "#5c2c5c",
    far: ["#a3506b", "#6e3a63"],
    grass: "#5a4a3a",
    grassLight: "#a5763a",
    grassDark: "#2e2334",
    rock: "#4d2b40",
    rim: "#ffb84d",
    flower: "#ff7d5c",
    flowers: 0.15,
    white: "#ffe0bd",
    red: "#a92c3c",
    roof: "#2d1f3d",
    window: "#ffd36b",
  },
  {
    caption: "at dusk, violet sky, the lamps are lit",
    sky: ["#1b2a5a", "#4a4390", "#8a5fa8", "#e39ab0"],
    light: "#f7b6c4",
    glow: 0.6,
    disc: "",
    lightHeight: [4, 24],
    moon: false,
    beam: true,
    clouds: 4,
    cloudLight: "#b77fb8",
    cloudShade: "#3a3b7a",
    sea: ["#a879ae", "#1d2a5c"],
    seaLight: "#d9a5c4",
    seaDark: "#232f66",
    far: ["#5c5596", "#3f4180"],
    grass: "#34556a",
    grassLight: "#5c7c86",
    grassDark: "#1b2c48",
    rock: "#2b2d55",
    rim: "#d8a0c8",
    flower: "#b49be0",
    flowers: 0.2,
    white: "#cfc4e6",
    red: "#8a3a68",
    roof: "#1c1c40",
    window: "#ffdd86",
  },
  {
    caption: "in a storm, grey clouds, rough green sea",
    sky: ["#3c4650", "#5d6a74", "#8b979b", "#c2c8bd"],
    light: "#e6ebd8",
    glow: 0.4,
    disc: "",
    lightHeight: [60, 130],
    moon: false,
    beam: true,
    clouds: 11,
    cloudLight: "#a5adb0",
    cloudShade: "#39434c",
    sea: ["#7f988f", "#23433f"],
    seaLight: "#d5e2d8",
    seaDark: "#1f3d3c",
    far: ["#7d8a8c", "#5c6a6c"],
    grass: "#5c7048",
    grassLight: "#8a9560",
    grassDark: "#2c3c2c",
    rock: "#4a4a46",
    rim: "#c8d0a8",
    flower: "#d8d8b0",
    flowers: 0.08,
    white: "#e6e6de",
    red: "#a8423a",
    roof: "#33383c",
    window: "#ffe08a",
  },
  {
    caption: "at night, moonlight, stars",
    sky: ["#060d2b", "#0d1c4a", "#1a3570", "#3a5f9a"],
    light: "#dfe9ff",
    glow: 0.62,
    disc: "#f6f8ff",
    lightHeight: [130, 200],
    moon: true,
    beam: true,
    clouds: 2,
    cloudLight: "#4a6aa5",
    cloudShade: "#142452",
    sea: ["#2c4f88", "#06102e"],
    seaLight: "#7f9fd4",
    seaDark: "#081638",
    far: ["#1f3768", "#152850"],
    grass: "#15304a",
    grassLight: "#2c5068",
    grassDark: "#081428",
    rock: "#0e1c3a",
    rim: "#8fb0e0",
    flower: "#7f9fd0",
    flowers: 0.1,
    white: "#aebfe0",
    red: "#5a3560",
    roof: "#0a1230",
    window: "#ffdf80",
  },
];
