// Means over a map's pixels, and where they are asked for their standard deviations too. A workgroup for four channels of
// an image: x counts channels, y images.

struct Shape {
    // Vectors of four channels.
    channels: u32,
    pixels: u32,
    // Length of an image's row, and where in it the means begin; in vectors of four.
    row: u32,
    means_at: u32,
    // Where the deviations begin; nowhere where this is 0.
    deviations_at: u32,
}

// [image, pixel, channel].
@group(0) @binding(0) var<storage, read> map: array<vec4f>;
// [image, row].
@group(0) @binding(1) var<storage, read_write> rows: array<vec4f>;
@group(0) @binding(2) var<uniform> shape: Shape;

const INVOCATIONS: u32 = 256;

var<workgroup> sums: array<vec4f, INVOCATIONS>;

// The mean of what each invocation added up.
fn mean(own: vec4f, index: u32) -> vec4f {
    sums[index] = own;
    workgroupBarrier();
    for (var half = INVOCATIONS / 2; half > 0; half /= 2) {
        if index < half {
            sums[index] += sums[index + half];
        }
        workgroupBarrier();
    }
    let total = sums[0];
    workgroupBarrier();
    return total / f32(shape.pixels);
}

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
    let channel = group.x;
    let image = group.y;
    var own = vec4f();
    for (var pixel = index; pixel < shape.pixels; pixel += INVOCATIONS) {
        own += map[(image * shape.pixels + pixel) * shape.channels + channel];
    }
    let means = mean(own, index);
    if index == 0 {
        rows[image * shape.row + shape.means_at + channel] = means;
    }
    if shape.deviations_at != 0 {
        var squares = vec4f();
        for (var pixel = index; pixel < shape.pixels; pixel += INVOCATIONS) {
            let centred = map[(image * shape.pixels + pixel) * shape.channels + channel] - means;
            squares += centred * centred;
        }
        let variance = mean(squares, index);
        if index == 0 {
            rows[image * shape.row + shape.deviations_at + channel] = sqrt(variance);
        }
    }
}
