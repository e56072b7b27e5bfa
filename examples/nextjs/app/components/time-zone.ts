'use client';

import { useSyncExternalStore } from 'react';

const nothing = () => () => {};

/** The viewer's time zone. The server cannot know it: what it renders is in UTC, until the page has come to life. */
export function useTimeZone(): string {
  return useSyncExternalStore(nothing, () => Intl.DateTimeFormat().resolvedOptions().timeZone, () => 'UTC');
}
