// The network's beginning: pixels of 8 bits, normalised, under a 7 x 7 convolution with stride 2 and ReLU. A workgroup
// makes 8 x 16 pixels with all 64 channels; each of its invocations makes 16 channels of two of them.

// RGBA, [image, y, x].
@group(0) @binding(0) var<storage, read> rgba: array<u32>;
// [tap, colour, output channel].
@group(0) @binding(1) var<storage, read> weight: array<vec4f>;
@group(0) @binding(2) var<storage, read> bias: array<vec4f>;
// [image, y, x, channel].
@group(0) @binding(3) var<storage, read_write> result: array<vec4f>;

const SIDE: u32 = 224;
const KERNEL: u32 = 7;
const COLUMNS: u32 = 8;
const ROWS: u32 = 16;
// What lies under a tile's taps.
const UNDER_COLUMNS: u32 = 2 * COLUMNS + KERNEL - 2;
const UNDER_ROWS: u32 = 2 * ROWS + KERNEL - 2;
// Vectors of four.
const CHANNELS: u32 = 16;

// ImageNet's, as in square.rs.
const MEAN = vec3f(0.485, 0.456, 0.406);
const DEVIATION = vec3f(0.229, 0.224, 0.225);

var<workgroup> under: array<vec3f, UNDER_ROWS * UNDER_COLUMNS>;

fn normalised(y: i32, x: i32, image: u32) -> vec3f {
    let side = i32(SIDE);
    if y < 0 || x < 0 || y >= side || x >= side {
        return vec3f();
    }
    let pixel = rgba[(image * SIDE + u32(y)) * SIDE + u32(x)];
    return (unpack4x8unorm(pixel).rgb - MEAN) / DEVIATION;
}

// A colour's weights for 16 channels.
fn channels(at: u32) -> mat4x4f {
    return mat4x4f(weight[at], weight[at + 1], weight[at + 2], weight[at + 3]);
}

fn write(sums: mat4x4f, at: u32) {
    result[at] = max(sums[0], vec4f());
    result[at + 1] = max(sums[1], vec4f());
    result[at + 2] = max(sums[2], vec4f());
    result[at + 3] = max(sums[3], vec4f());
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) tile: vec3u, @builtin(local_invocation_index) index: u32) {
    for (var at = index; at < UNDER_ROWS * UNDER_COLUMNS; at += 256) {
        let y = i32(2 * ROWS * tile.y + at / UNDER_COLUMNS) - i32(KERNEL / 2);
        let x = i32(2 * COLUMNS * tile.x + at % UNDER_COLUMNS) - i32(KERNEL / 2);
        under[at] = normalised(y, x, tile.z);
    }
    workgroupBarrier();

    let x = index % COLUMNS;
    let y = index / COLUMNS % (ROWS / 2);
    let first = index / (COLUMNS * ROWS / 2) * 4;
    var upper = mat4x4f(bias[first], bias[first + 1], bias[first + 2], bias[first + 3]);
    var lower = upper;
    for (var tap_y = 0u; tap_y < KERNEL; tap_y++) {
        for (var tap_x = 0u; tap_x < KERNEL; tap_x++) {
            let at = (tap_y * KERNEL + tap_x) * 3 * CHANNELS + first;
            let red = channels(at);
            let green = channels(at + CHANNELS);
            let blue = channels(at + 2 * CHANNELS);
            let seen = (2 * y + tap_y) * UNDER_COLUMNS + 2 * x + tap_x;
            let above = under[seen];
            let below = under[seen + ROWS * UNDER_COLUMNS];
            upper += above.r * red + above.g * green + above.b * blue;
            lower += below.r * red + below.g * green + below.b * blue;
        }
    }
    let side = SIDE / 2;
    let at = ((tile.z * side + ROWS * tile.y + y) * side + COLUMNS * tile.x + x) * CHANNELS + first;
    write(upper, at);
    write(lower, at + ROWS / 2 * side * CHANNELS);
}
