import { expect, test } from 'vitest';
import { AddressGuard } from '../../server/sources/address-guard.js';

const guard = new AddressGuard([]);

test.each([
  '127.0.0.1',
  '0.0.0.0',
  '10.0.0.8',
  '172.16.4.1',
  '192.168.1.1',
  '169.254.169.254',
  '100.64.0.1',
  '::1',
  '::ffff:127.0.0.1',
  'fe80::1',
  'fd00::1',
  '224.0.0.1',
])('%s is not fetched', (address) => expect(guard.admits(address)).toBe(false));

test.each(['93.184.216.34', '2606:2800:220:1:248:1893:25c8:1946'])('%s is', (address) => expect(guard.admits(address)).toBe(true));

test('a network that is allowed opens itself alone', () => {
  const open = new AddressGuard(['10.1.0.0/16']);
  expect([open.admits('10.1.2.3'), open.admits('10.2.0.1')]).toEqual([true, false]);
});

test.each(['http://2130706433/', 'http://0x7f.1/', 'http://localhost/', 'http://[::1]/'])('%s leads nowhere', async (address) => {
  const { hostname } = guard.canonical(address);
  await expect(guard.resolve(hostname)).rejects.toThrow(/private network|not known/);
});

test.each(['file:///etc/passwd', 'gopher://example.org/', 'https://trusted@example.org/', 'https://', 'x'.repeat(3000)])('%s is no web address', (address) => {
  expect(() => guard.canonical(address)).toThrow();
});

test('the same page has one form', () => {
  expect(guard.canonical(' HTTPS://Example.ORG:443/a?b=1#part ').href).toBe('https://example.org/a?b=1');
});
