/** Offers `text` to the reader as a file to save. */
export function saveAs(fileName: string, mediaType: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: mediaType }));
  const link = document.createElement("a");
  link.href = url;
  link.download = fileName;
  link.click();
  // The browser has taken the address over once the click returned; a late end costs only memory.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
