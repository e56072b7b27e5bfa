'use client';

import type { UsageBucket, UsageInput } from 'jeton';
import { useTokens } from 'jeton/react';
import { useEffect, useState } from 'react';
import { days, numbers } from '../lib/format';
import { useJeton } from './account';
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
  const jeton = useJeton();
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

const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP] = [620, 150, 34, 18, 8];

function Bars({ buckets, label, name }: { buckets: UsageBucket[]; label: string; name: (start: string) => string }) {
  const { language } = useLanguage();
  const most = Math.max(1, ...buckets.map(({ tokens }) => tokens));
  const step = (WIDTH - LEFT) / buckets.length;
  const room = HEIGHT - BOTTOM - TOP;
  const [first, last] = [buckets.at(0), buckets.at(-1)];
  return (
    <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={label}>
      <line x1={LEFT} x2={WIDTH} y1={TOP} y2={TOP} />
      <line x1={LEFT} x2={WIDTH} y1={HEIGHT - BOTTOM} y2={HEIGHT - BOTTOM} />
      <text x={LEFT - 4} y={TOP + 3} textAnchor="end">{numbers(language).format(most)}</text>
      <text x={LEFT - 4} y={HEIGHT - BOTTOM + 3} textAnchor="end">0</text>
      {buckets.map(({ start, tokens }, at) => (
        <rect key={start} x={LEFT + at * step + step * 0.15} width={step * 0.7} y={HEIGHT - BOTTOM - (room * tokens) / most} height={(room * tokens) / most}>
          <title>{`${name(start)} : ${tokens}`}</title>
        </rect>
      ))}
      {first && <text x={LEFT} y={HEIGHT - 4}>{name(first.start)}</text>}
      {last && <text x={WIDTH} y={HEIGHT - 4} textAnchor="end">{name(last.start)}</text>}
    </svg>
  );
}
