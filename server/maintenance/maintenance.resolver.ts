import { Arg, Field, Mutation, ObjectType, Query, registerEnumType, Resolver } from 'type-graphql';
import { JobType, jobView } from '../jobs/index.js';
import { JSONObject } from '../platform/http/graphql-types.js';
import { type MaintenanceService } from './maintenance.service.js';
import { MaintenanceTask } from './tasks.js';

registerEnumType(MaintenanceTask, {
  name: 'MaintenanceTask',
  description: 'What can be done to keep the system healthy; `maintenanceTasks` tells what each does.',
});

@ObjectType({ simpleResolvers: true })
export class MaintenanceTaskState {
  @Field(() => MaintenanceTask)
  task!: string;

  @Field(() => String, { description: 'What the task does, what it can be told, and what it means for those who work meanwhile.' })
  about!: string;

  @Field(() => JobType, { nullable: true, description: 'The newest run; null where there was none.' })
  lastJob!: JobType | null;
}

@Resolver()
export class MaintenanceResolver {
  constructor(private readonly maintenance: MaintenanceService) {}

  @Query(() => [MaintenanceTaskState], { description: 'Every maintenance task, and what became of its newest run.' })
  async maintenanceTasks(): Promise<MaintenanceTaskState[]> {
    return (await this.maintenance.states()).map(({ lastJob, ...state }) => ({ ...state, lastJob: lastJob && jobView(lastJob) }));
  }

  @Mutation(() => JobType, {
    description:
      'Starts a maintenance task; its figures are the result of the job. Errors: BAD_USER_INPUT for an option it does not know, CONFLICT where it waits or runs already.',
  })
  async runMaintenance(
    @Arg('task', () => MaintenanceTask) task: MaintenanceTask,
    @Arg('options', () => JSONObject, { nullable: true, description: 'As `maintenanceTasks` tells of the task.' }) options: Record<string, unknown> | null,
  ): Promise<JobType> {
    return jobView(await this.maintenance.start(task, options ?? {}));
  }
}
