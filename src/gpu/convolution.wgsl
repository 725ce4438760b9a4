// A convolution as a matrix product whose left factor is never written down: rows are output pixels, columns are output
// channels, and what is summed over is tap by tap, channel by channel. A workgroup makes a tile of 64 pixels x 32 channels,
// each of its 8 x 8 invocations 8 x 4 of it, and shares what it loads.
//
// Small maps make few tiles, too few for a GPU. So the sum itself can be split among workgroups (dispatch size z): then
// each writes its part, and `finish` adds them up.
//
// Maps are [image, y, x, channel], weights [tap, input channel, output channel]; all in vectors of four channels.

struct Shape {
    // Vectors of four input channels, and of output channels.
    inputs: u32,
    outputs: u32,
    in_side: u32,
    out_side: u32,
    kernel: u32,
    stride: u32,
    relu: u32,
    residual: u32,
}

@group(0) @binding(0) var<storage, read> map: array<vec4f>;
@group(0) @binding(1) var<storage, read> weight: array<vec4f>;
@group(0) @binding(2) var<storage, read> bias: array<vec4f>;
// Bound to anything where the shape says that there is none.
@group(0) @binding(3) var<storage, read> residual: array<vec4f>;
// What `whole` and `finish` make is a map; what `parts` makes is [part, pixel, channel].
@group(0) @binding(4) var<storage, read_write> result: array<vec4f>;
// What `parts` made.
@group(0) @binding(5) var<storage, read> addends: array<vec4f>;
@group(0) @binding(6) var<uniform> shape: Shape;

const PIXELS: u32 = 64;
const CHANNELS: u32 = 32;
// Invocations of a workgroup along pixels; along channels there are as many.
const SIDE: u32 = 8;
// Vectors of four that are summed over in a step.
const DEPTH: u32 = 4;
// One more than needed, so that invocations side by side read from different banks of memory.
const ROW: u32 = DEPTH + 1;

var<workgroup> pixels: array<vec4f, PIXELS * ROW>;
var<workgroup> weights: array<vec4f, 4 * DEPTH * SIDE>;

// The sums of eight pixels, of which each column holds four channels: pixels 0, 8, 16 and 24 from an invocation's first,
// and the four after those.
struct Sums {
    upper: mat4x4f,
    lower: mat4x4f,
}

// Where a pixel's taps begin in its image, and where that image begins.
struct Corner {
    y: i32,
    x: i32,
    image: u32,
}

// What a step sums over: a tap, and its channels from one on.
struct Step {
    y: u32,
    x: u32,
    channel: u32,
}

// A pixel that does not exist has its taps outside of the map.
fn corner(pixel: u32, count: u32) -> Corner {
    let area = shape.out_side * shape.out_side;
    let in_image = pixel % area;
    let padding = i32(shape.kernel / 2);
    let y = select(-i32(shape.kernel), i32(in_image / shape.out_side * shape.stride) - padding, pixel < count);
    let x = i32(in_image % shape.out_side * shape.stride) - padding;
    return Corner(y, x, pixel / area * shape.in_side * shape.in_side);
}

fn steps_of_tap() -> u32 {
    return shape.inputs / DEPTH;
}

fn steps() -> u32 {
    return shape.kernel * shape.kernel * steps_of_tap();
}

fn step_at(number: u32) -> Step {
    let tap = number / steps_of_tap();
    return Step(tap / shape.kernel, tap % shape.kernel, number % steps_of_tap() * DEPTH);
}

fn after(step: Step) -> Step {
    var next = step;
    next.channel += DEPTH;
    if next.channel == shape.inputs {
        next.channel = 0;
        next.x += 1;
    }
    if next.x == shape.kernel {
        next.x = 0;
        next.y += 1;
    }
    return next;
}

// Four channels under a tap; zeros outside of the map.
fn tapped(at: Corner, step: Step, lane: u32) -> vec4f {
    let y = at.y + i32(step.y);
    let x = at.x + i32(step.x);
    let side = i32(shape.in_side);
    if y < 0 || x < 0 || y >= side || x >= side {
        return vec4f();
    }
    return map[(at.image + u32(y) * shape.in_side + u32(x)) * shape.inputs + step.channel + lane];
}

// This invocation's part of the tile, summed over the steps from `first` to before `end`.
fn product(tile: vec3u, index: u32, count: u32, first: u32, end: u32) -> Sums {
    let lane = index % DEPTH;
    let loads = index / DEPTH;
    let pixel = tile.y * PIXELS + loads;
    let corner_0 = corner(pixel, count);
    let corner_1 = corner(pixel + PIXELS / 4, count);
    let corner_2 = corner(pixel + PIXELS / 2, count);
    let corner_3 = corner(pixel + PIXELS * 3 / 4, count);
    let stored = loads * ROW + lane;

    let row = index / SIDE;
    let column = index % SIDE;
    var weights_at = (first * 4 * DEPTH + row) * shape.outputs + tile.x * SIDE + column;

    var step = step_at(first);
    var pixel_0 = tapped(corner_0, step, lane);
    var pixel_1 = tapped(corner_1, step, lane);
    var pixel_2 = tapped(corner_2, step, lane);
    var pixel_3 = tapped(corner_3, step, lane);
    var weight_0 = weight[weights_at];
    var weight_1 = weight[weights_at + SIDE * shape.outputs];
    var sums = Sums();
    for (var number = first; number < end; number++) {
        pixels[stored] = pixel_0;
        pixels[stored + PIXELS / 4 * ROW] = pixel_1;
        pixels[stored + PIXELS / 2 * ROW] = pixel_2;
        pixels[stored + PIXELS * 3 / 4 * ROW] = pixel_3;
        weights[index] = weight_0;
        weights[index + SIDE * SIDE] = weight_1;
        workgroupBarrier();
        // The next step's, on their way while this step is computed.
        if number + 1 < end {
            step = after(step);
            weights_at += 4 * DEPTH * shape.outputs;
            pixel_0 = tapped(corner_0, step, lane);
            pixel_1 = tapped(corner_1, step, lane);
            pixel_2 = tapped(corner_2, step, lane);
            pixel_3 = tapped(corner_3, step, lane);
            weight_0 = weight[weights_at];
            weight_1 = weight[weights_at + SIDE * shape.outputs];
        }
        for (var depth = 0u; depth < DEPTH; depth++) {
            let at = 4 * depth * SIDE + column;
            let inputs = mat4x4f(weights[at], weights[at + SIDE], weights[at + 2 * SIDE], weights[at + 3 * SIDE]);
            let begin = row * ROW + depth;
            sums.upper += inputs * mat4x4f(
                pixels[begin],
                pixels[begin + SIDE * ROW],
                pixels[begin + 2 * SIDE * ROW],
                pixels[begin + 3 * SIDE * ROW],
            );
            sums.lower += inputs * mat4x4f(
                pixels[begin + 4 * SIDE * ROW],
                pixels[begin + 5 * SIDE * ROW],
                pixels[begin + 6 * SIDE * ROW],
                pixels[begin + 7 * SIDE * ROW],
            );
        }
        workgroupBarrier();
    }
    return sums;
}

fn finished(sum: vec4f, at: u32) -> vec4f {
    var value = sum + bias[at % shape.outputs];
    if shape.residual != 0 {
        value += residual[at];
    }
    if shape.relu != 0 {
        value = max(value, vec4f());
    }
    return value;
}

// Where four channels of an invocation's pixel lie in a map.
fn place(tile: vec3u, index: u32, row: u32) -> u32 {
    let pixel = tile.y * PIXELS + index / SIDE + row * SIDE;
    return pixel * shape.outputs + tile.x * SIDE + index % SIDE;
}

fn column(sums: Sums, row: u32) -> vec4f {
    if row < 4 {
        return sums.upper[row];
    }
    return sums.lower[row - 4];
}

// Everything at once: x counts tiles of channels, y tiles of pixels.
@compute @workgroup_size(64)
fn whole(@builtin(workgroup_id) tile: vec3u, @builtin(local_invocation_index) index: u32) {
    let length = arrayLength(&result);
    let sums = product(tile, index, length / shape.outputs, 0, steps());
    for (var row = 0u; row < 8; row++) {
        let at = place(tile, index, row);
        if at < length {
            result[at] = finished(column(sums, row), at);
        }
    }
}

// A part of the sums; z counts the parts.
@compute @workgroup_size(64)
fn parts(
    @builtin(workgroup_id) tile: vec3u,
    @builtin(num_workgroups) tiles: vec3u,
    @builtin(local_invocation_index) index: u32,
) {
    let length = arrayLength(&result) / tiles.z;
    let first = tile.z * steps() / tiles.z;
    let end = (tile.z + 1) * steps() / tiles.z;
    let sums = product(tile, index, length / shape.outputs, first, end);
    for (var row = 0u; row < 8; row++) {
        let at = place(tile, index, row);
        if at < length {
            result[tile.z * length + at] = column(sums, row);
        }
    }
}

// The parts' sum: one invocation for four channels of a pixel.
@compute @workgroup_size(64)
fn finish(@builtin(global_invocation_id) id: vec3u) {
    let length = arrayLength(&result);
    let at = id.x;
    if at >= length {
        return;
    }
    var sum = vec4f();
    for (var part = at; part < arrayLength(&addends); part += length) {
        sum += addends[part];
    }
    result[at] = finished(sum, at);
}
