// 3 x 3 max pooling with stride 2 and padding 1, of a map that is nowhere negative. One invocation for four channels of a
// pixel.

// [image, y, x, channel], both.
@group(0) @binding(0) var<storage, read> map: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> result: array<vec4f>;

// The stem's map, channels in vectors of four.
const CHANNELS: u32 = 16;
const IN_SIDE: u32 = 112;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    if id.x >= arrayLength(&result) {
        return;
    }
    let side = IN_SIDE / 2;
    let channel = id.x % CHANNELS;
    let pixel = id.x / CHANNELS;
    let x = i32(2 * (pixel % side));
    let y = i32(2 * (pixel / side % side));
    let image = pixel / (side * side);
    var largest = vec4f();
    for (var tap_y = max(y - 1, 0); tap_y <= y + 1; tap_y++) {
        for (var tap_x = max(x - 1, 0); tap_x <= x + 1; tap_x++) {
            let at = (image * IN_SIDE + u32(tap_y)) * IN_SIDE + u32(tap_x);
            largest = max(largest, map[at * CHANNELS + channel]);
        }
    }
    result[id.x] = largest;
}
