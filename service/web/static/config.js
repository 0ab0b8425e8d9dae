// Where the page gets its data. The service serves this file as it is; `ticktape page` writes the one for a static host.
export const config = { source: "service" };
