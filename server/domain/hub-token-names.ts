/** Names that HuggingFace tokens go by (CONTRACT 3.3), the first that is set counts. */
export const hubTokenNames = [
  "HF_TOKEN",
  "HUGGINGFACE_HUB_TOKEN",
  "HUGGINGFACEHUB_API_TOKEN",
  "HF_API_TOKEN",
  "HUGGING_FACE_HUB_TOKEN",
] as const;
