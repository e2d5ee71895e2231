import { Arg, Ctx, Field, Mutation, ObjectType, Query, registerEnumType, Resolver } from 'type-graphql';
import { type AccessService, sessionCookie } from './access.service.js';
import { type RequestContext } from './context.js';

export enum RoleType {
  READER = 'READER',
  OPERATOR = 'OPERATOR',
  ADMINISTRATOR = 'ADMINISTRATOR',
}
registerEnumType(RoleType, { name: 'Role', description: 'Each role may do what the ones before it may.' });

@ObjectType('Viewer', { simpleResolvers: true, description: 'Who is asking.' })
export class ViewerType {
  @Field(() => String)
  name!: string;

  @Field(() => RoleType)
  role!: string;
}

@Resolver()
export class AccessResolver {
  constructor(
    private readonly access: AccessService,
    private readonly address: () => string,
  ) {}

  @Query(() => ViewerType, { nullable: true, description: 'Null for nobody.' })
  viewer(@Ctx() context: RequestContext): ViewerType | null {
    return context.viewer;
  }

  @Mutation(() => String, { description: 'An address that signs one browser in, once, within 24 hours, as the role given.' })
  async createSignInLink(@Arg('role', () => RoleType, { defaultValue: RoleType.ADMINISTRATOR, nullable: true }) role: RoleType | null): Promise<string> {
    return `${this.address()}/sign-in?token=${await this.access.createLinkToken(role ?? RoleType.ADMINISTRATOR)}`;
  }

  @Mutation(() => Boolean)
  async signOut(@Ctx() context: RequestContext): Promise<boolean> {
    await this.access.signOut(context.cookies);
    context.setCookie(`${sessionCookie}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0`);
    return true;
  }
}
