// The one place that knows which sources there are.

export async function openSource(config) {
  if (config.source === "service") {
    const { ServiceSource } = await import("./service.js");
    return new ServiceSource();
  }
  if (config.source === "supabase") {
    const { openSupabase } = await import("./supabase.js");
    return openSupabase(config);
  }
  throw new Error(`config.js: source is "${config.source}"; it should be "service" or "supabase"`);
}
