import { Cron } from 'croner';
import ipaddr from 'ipaddr.js';
import { cpus } from 'node:os';
import { z } from 'zod';

/** What the documentation, `.env.example` and masking need to know about a setting beyond its type. */
export interface SettingMeta {
  /** One sentence for operators. */
  about: string;
  /** Section of `.env.example` it is listed under. */
  group: SettingGroup;
  /** Unit of a number, e.g. `ms`, `bytes`, `s`. */
  unit?: string;
  /** The value's name in the administrator's manual of the system this product replaces. */
  manual?: string;
  /** Masked wherever the effective configuration is shown. */
  secret?: boolean;
}

export const settingGroups = [
  'Server',
  'Access',
  'Database',
  'Vector index',
  'Embedding',
  'Ingestion',
  'Web pages',
  'Search and cache',
  'Rate limits',
  'Logging and monitoring',
  'Alerts',
  'Maintenance',
  'Backup',
] as const;
export type SettingGroup = (typeof settingGroups)[number];

export const flag = () =>
  z
    .string()
    .trim()
    .toLowerCase()
    .pipe(z.enum(['true', 'false', '1', '0', 'yes', 'no', 'on', 'off']))
    .transform((value) => ['true', '1', 'yes', 'on'].includes(value));
export const integer = (min: number, max: number) => z.coerce.number().int().min(min).max(max);
export const share = (min: number, max: number) => z.coerce.number().min(min).max(max);
export const text = () => z.string().trim();
export const url = (...protocols: string[]) =>
  text().refine((value) => value === '' || protocols.some((protocol) => URL.canParse(value) && value.startsWith(protocol + '//')), {
    message: `must be an address starting with ${protocols.map((protocol) => protocol + '//').join(' or ')}`,
  });
/** Accepts a JSON array (the manual's notation) or a comma-separated list. */
export const list = () =>
  text().transform((value, context): string[] => {
    if (!value.startsWith('['))
      return value
        .split(',')
        .map((item) => item.trim())
        .filter(Boolean);
    try {
      return z.array(z.string()).parse(JSON.parse(value));
    } catch {
      context.addIssue({ code: 'custom', message: 'must be a JSON array of strings or a comma-separated list' });
      return z.NEVER;
    }
  });
export const listOf = (allowed: string, admits: (item: string) => boolean) =>
  list().superRefine((items, context) => {
    for (const item of items) if (!admits(item)) context.addIssue({ code: 'custom', message: `"${item}" is no ${allowed}` });
  });
export const isNetwork = (value: string) => ipaddr.isValidCIDR(value);
export const isOrigin = (value: string) => URL.canParse(value) && /^https?:$/.test(new URL(value).protocol) && new URL(value).origin === value;
export const isHostName = (value: string) => /^(\[[\da-f:.]+\]|[a-z\d_-]+(\.[a-z\d_-]+)*)$/i.test(value);
export const logLevel = () =>
  text()
    .toLowerCase()
    .transform((value) => ({ warning: 'warn', critical: 'fatal' })[value] ?? value)
    .pipe(z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal']));

const isSchedule = (value: string) => {
  try {
    new Cron(value).stop();
    return true;
  } catch {
    return false;
  }
};

/** A cron expression, or `off` for never, which is kept as an empty text. */
export const schedule = () =>
  text()
    .transform((value) => (value === 'off' ? '' : value))
    .refine((value) => value === '' || isSchedule(value), 'must be a cron expression such as 30 4 * * *, or off');
export const isTimeZone = (value: string) => {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: value }).format(0) !== '';
  } catch {
    return false;
  }
};

export const cores = cpus().length;
