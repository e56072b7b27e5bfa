/** How many entries of the history come at a time. */
export const HISTORY_LENGTH = 10;
