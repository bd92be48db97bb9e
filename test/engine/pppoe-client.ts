/** A PPPoE client on a node's Ethernet: discovery as RFC 2516 5 has the Host do it, and a PPP link of its own. */
import type { Instant } from '../../src/engine/effects.ts';
import { PppLink } from '../../src/engine/ppp/link.ts';
import { decodeDiscovery, encodeDiscovery, type Tag, tagOf } from '../../src/engine/pppoe/packet.ts';
import type { PppSpec } from '../../src/engine/spec.ts';
import type { Node, World } from './world.ts';

const retryMs = 2_000;

export class PppoeClient {
  readonly mac: Uint8Array;
  link: PppLink | undefined;
  /** 0 while there is no session. */
  sessionId = 0;
  /** What the last refusal said. */
  refusal: string | undefined;
  private readonly world: World;
  private readonly node: Node;
  private readonly spec: PppSpec;
  private readonly extra: readonly Tag[];
  private cookie: Uint8Array | undefined;
  private wanted = false;
  private attempts = 0;

  constructor(world: World, node: Node, mac: Uint8Array, spec: PppSpec, extra: readonly Tag[] = []) {
    this.world = world;
    this.node = node;
    this.mac = mac;
    this.spec = spec;
    this.extra = extra;
    node.clients.set(mac.join(), this);
  }

  /** Looks for a concentrator, again and again until there is one. */
  connect(): void {
    this.wanted = true;
    this.ask();
  }

  /** Sends a PADT, and is gone. */
  disconnect(): void {
    this.wanted = false;
    const { sessionId } = this;
    this.forget();
    if (sessionId !== 0) this.send({ type: 'PADT', sessionId, tags: [] });
  }

  forget(): void {
    this.sessionId = 0;
    this.cookie = undefined;
    this.link = undefined;
  }

  private ask(): void {
    if (!this.wanted || this.sessionId !== 0) return;
    const attempt = ++this.attempts;
    const unique: Tag = ['hostUniq', Uint8Array.of(1, 2)];
    const service: Tag = ['serviceName', new Uint8Array(0)];
    if (this.cookie) {
      const tags = [service, unique, ['acCookie', this.cookie] as const, ...this.extra];
      this.send({ type: 'PADR', sessionId: 0, tags });
    } else {
      this.send({ type: 'PADI', sessionId: 0, tags: [service, unique, ...this.extra] });
    }
    this.world.after(retryMs, () => {
      if (attempt !== this.attempts) return;
      this.cookie = undefined;
      this.ask();
    });
  }

  private send(packet: Parameters<typeof encodeDiscovery>[0]): void {
    const bytes = encodeDiscovery(packet);
    this.world.underFaults(() => this.node.discovery(this.mac, bytes));
  }

  discovery(bytes: Uint8Array): void {
    const packet = decodeDiscovery(bytes, 0, bytes.length);
    if (packet?.type === 'PADO' && this.wanted && this.sessionId === 0 && !this.cookie) {
      this.cookie = tagOf(packet, 'acCookie');
      this.ask();
    } else if (packet?.type === 'PADS' && this.wanted && this.sessionId === 0) {
      this.confirmed(packet.sessionId, tagOf(packet, 'serviceNameError') ?? tagOf(packet, 'acSystemError'));
    } else if (packet?.type === 'PADT' && packet.sessionId === this.sessionId) {
      this.lost();
    }
  }

  private confirmed(sessionId: number, refusal: Uint8Array | undefined): void {
    this.refusal = refusal && new TextDecoder().decode(refusal);
    if (sessionId === 0) return;
    this.sessionId = sessionId;
    this.link = new PppLink(this.spec, this.world.random, 0);
    this.run(this.link.handle({ event: 'open' }, this.world.now));
  }

  private lost(): void {
    this.forget();
    if (this.wanted) this.world.after(retryMs, () => this.ask());
  }

  frame(sessionId: number, frame: Uint8Array): void {
    if (sessionId !== this.sessionId || !this.link) return;
    this.run(this.link.handle({ event: 'frame', bytes: frame, start: 0, end: frame.length }, this.world.now));
  }

  private run(effects: ReturnType<PppLink['handle']>): void {
    for (const effect of effects) {
      if (effect.effect === 'frame') {
        const { sessionId } = this;
        const frame = effect.frame.slice();
        this.world.underFaults(() => this.node.ingressFrame(sessionId, frame));
      } else if (effect.effect === 'down') {
        const { sessionId } = this;
        this.send({ type: 'PADT', sessionId, tags: [] });
        this.lost();
        return;
      }
    }
    this.wake(this.link?.deadline());
  }

  private wake(at: Instant | undefined): void {
    const { link } = this;
    if (at === undefined || !link) return;
    this.world.after(Math.max(0, at - this.world.now), () => {
      if (link !== this.link || link.deadline() !== at) return;
      this.run(link.handle({ event: 'tick' }, this.world.now));
    });
  }
}
