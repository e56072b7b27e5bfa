// The AI SDK reads streams with zod, which tries whether it may use `eval` as soon as a schema is made. The page's policy says no, and
// browsers note each try: so this is imported before the AI SDK.
import { config } from 'zod';

config({ jitless: true });
