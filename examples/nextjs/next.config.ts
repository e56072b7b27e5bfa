import type { NextConfig } from 'next';
import { join } from 'node:path';

const config: NextConfig = {
  // `jeton` is a link to ../../client, and what lies outside the root is not found. An application of its own needs no such line.
  turbopack: { root: join(import.meta.dirname, '../..') },
  reactStrictMode: true,
  poweredByHeader: false,
  // The address is at 127.0.0.1, and `next dev` would serve its own scripts to pages of `localhost` alone.
  allowedDevOrigins: ['127.0.0.1', 'localhost'],
  // No badge over the page, and no file for programs that write code.
  devIndicators: false,
  agentRules: false,
};

export default config;
