// The text that models are calibrated on when a person has none of their own: a little of everything that models are asked.

export async function fetchSampleText(fetchBlob: (address: string) => Promise<Blob>): Promise<string> {
  return (await fetchBlob(new URL('./sample.txt', import.meta.url).href)).text();
}
