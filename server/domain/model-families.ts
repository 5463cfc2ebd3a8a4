/** What is known of a family that SimpleTuner trains, for the description of its models. */
export interface ModelFamily {
  /** The model that is trained on when a configuration does not say, at the Hugging Face Hub. */
  baseModel: string | null;
  /** License of models made from it, as the Hub writes it; `other` comes with a name. */
  license: string;
  licenseName?: string;
  makes: "text-to-image" | "text-to-video" | "text-to-audio";
}

const image = "text-to-image" as const;
const video = "text-to-video" as const;
const fluxDev = { license: "other", licenseName: "flux-1-dev-non-commercial-license", makes: image };
const stability = { license: "other", licenseName: "stabilityai-ai-community", makes: image };

/** From the base models' own pages at the Hub. */
const families: Readonly<Record<string, ModelFamily>> = {
  auraflow: { baseModel: "fal/AuraFlow-v0.3", license: "apache-2.0", makes: image },
  chroma: { baseModel: "lodestones/Chroma1-Base", license: "apache-2.0", makes: image },
  deepfloyd: { baseModel: null, license: "other", licenseName: "deepfloyd-if-license", makes: image },
  flux: { baseModel: "black-forest-labs/FLUX.1-dev", ...fluxDev },
  hidream: { baseModel: "HiDream-ai/HiDream-I1-Full", license: "mit", makes: image },
  kontext: { baseModel: "black-forest-labs/FLUX.1-Kontext-dev", ...fluxDev },
  kolors: { baseModel: "Kwai-Kolors/Kolors-diffusers", license: "apache-2.0", makes: image },
  lumina2: { baseModel: "Alpha-VLLM/Lumina-Image-2.0", license: "apache-2.0", makes: image },
  omnigen: { baseModel: "Shitao/OmniGen-v1-diffusers", license: "mit", makes: image },
  pixart_sigma: { baseModel: null, license: "openrail++", makes: image },
  qwen_image: { baseModel: "Qwen/Qwen-Image", license: "apache-2.0", makes: image },
  sd1x: { baseModel: null, license: "creativeml-openrail-m", makes: image },
  sd2x: { baseModel: null, license: "openrail++", makes: image },
  sd3: { baseModel: "stabilityai/stable-diffusion-3.5-large", ...stability },
  sdxl: { baseModel: "stabilityai/stable-diffusion-xl-base-1.0", license: "openrail++", makes: image },
  wan: { baseModel: null, license: "apache-2.0", makes: video },
};

/** What is known of a family; null for one that is not on the list. */
export function modelFamily(name: string | null): ModelFamily | null {
  return name !== null && Object.hasOwn(families, name) ? (families[name] ?? null) : null;
}
