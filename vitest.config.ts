import { defineConfig } from "vitest/config";

export default defineConfig({
  // as many as there are processors: vitest leaves one free, and of two that is half
  test: { include: ["test/**/*.test.ts"], maxWorkers: "100%", testTimeout: 60_000, hookTimeout: 60_000 },
});
