import onnxProto from 'onnx-proto';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { embeddedModel } from '../../server/platform/embedder/index.js';
import { packageRoot } from '../../server/config/index.js';

const { onnx } = onnxProto;
const shipped = join(packageRoot, 'server/platform/embedder/models', embeddedModel);

/** The shipped model with only the first `dimensions` of each token's state: another model as far as the index can tell. */
export async function deriveModel(folder: string, dimensions: number): Promise<void> {
  await mkdir(join(folder, 'onnx'), { recursive: true });
  for (const file of ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json']) await cp(join(shipped, file), join(folder, file));
  const model = onnx.ModelProto.decode(await readFile(join(shipped, 'onnx/model_quantized.onnx')));
  const graph = model.graph!;
  const output = 'last_hidden_state';
  for (const node of graph.node!) node.output = node.output!.map((name) => (name === output ? 'whole_hidden_state' : name));
  const integers = (name: string, values: number[]) =>
    onnx.TensorProto.create({ name, dims: [values.length], dataType: onnx.TensorProto.DataType.INT64, int64Data: values });
  graph.initializer!.push(integers('slice_starts', [0]), integers('slice_ends', [dimensions]), integers('slice_axes', [2]));
  graph.node!.push(
    onnx.NodeProto.create({
      name: 'first_dimensions',
      opType: 'Slice',
      input: ['whole_hidden_state', 'slice_starts', 'slice_ends', 'slice_axes'],
      output: [output],
    }),
  );
  const shape = graph.output!.find(({ name }) => name === output)!.type!.tensorType!.shape!;
  shape.dim![2] = { dimValue: dimensions };
  await writeFile(join(folder, 'onnx/model_quantized.onnx'), onnx.ModelProto.encode(model).finish());
}
