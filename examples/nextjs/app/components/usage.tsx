'use client';

import type { UsageBucket, UsageInput } from 'jeton';
import { useTokens } from 'jeton/react';
import { useEffect, useState } from 'react';
import { days, numbers } from '../lib/format';
import { useAccount } from './account';
import { useLanguage } from './language';
import { useTimeZone } from './time-zone';

/** What was spent on each of the last thirty days of the viewer's, as a chart and as a table. */
export function Usage() {
  const { language, texts } = useLanguage();
  const timeZone = useTimeZone();
  const buckets = useUsage(timeZone as UsageInput['timezone']);
  const number = numbers(language);
  const day = days(language, timeZone);
  if (!buckets) return null;
  const spent = number.format(buckets.reduce((sum, { tokens }) => sum + tokens, 0));
  return (
    <section aria-labelledby="usage">
      <h2 id="usage">{texts.usage}</h2>
      <div className="card chart">
        <Bars buckets={buckets} label={texts.usageOf(spent, number.format(buckets.length))} name={(start) => day.format(new Date(start))} />
        <details>
          <summary>{texts.asTable}</summary>
          <table>
            <thead>
              <tr>
                <th scope="col">{texts.day}</th>
                <th scope="col" className="number">{texts.tokens}</th>
                <th scope="col" className="number">{texts.generations}</th>
              </tr>
            </thead>
            <tbody>
              {buckets.toReversed().map(({ start, tokens, generations }) => (
                <tr key={start}>
                  <td>{day.format(new Date(start))}</td>
                  <td className="number">{number.format(tokens)}</td>
                  <td className="number">{number.format(generations)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </details>
      </div>
    </section>
  );
}

/** The usage, read anew whenever something was spent, and after a time without connection. */
function useUsage(timezone: UsageInput['timezone']): UsageBucket[] | undefined {
  const { stats, live } = useTokens();
  const { jeton } = useAccount();
  const [buckets, setBuckets] = useState<UsageBucket[]>();
  const [used, since] = [stats?.tokensUsed, stats?.createdAt];
  useEffect(() => {
    if (!live) return undefined;
    const reading = new AbortController();
    jeton.getUsage({ granularity: 'day', timezone }, { signal: reading.signal }).then(
      (usage) => setBuckets(usage.buckets),
      // The last numbers stay; the next change asks again.
      (error: unknown) => { if (!reading.signal.aborted) console.warn(error); },
    );
    return () => reading.abort();
  }, [jeton, timezone, live, used, since]);
  return buckets;
}

/** A bar for each day. The picture is stretched to the room there is, so the texts stand beside it. */
function Bars({ buckets, label, name }: { buckets: UsageBucket[]; label: string; name: (start: string) => string }) {
  const { language } = useLanguage();
  const most = Math.max(1, ...buckets.map(({ tokens }) => tokens));
  const [first, last] = [buckets.at(0), buckets.at(-1)];
  return (
    <>
      <p className="axis" aria-hidden="true">{numbers(language).format(most)}</p>
      <svg viewBox={`0 0 ${buckets.length} ${most}`} preserveAspectRatio="none" role="img" aria-label={label}>
        {buckets.map(({ start, tokens }, at) => <rect key={start} x={at + 0.15} width={0.7} y={most - tokens} height={tokens} />)}
      </svg>
      <p className="axis" aria-hidden="true">
        <span>{first && name(first.start)}</span> <span>{last && name(last.start)}</span>
      </p>
    </>
  );
}
