//! `tract FILE.onnx < INPUT`: computes an ONNX file that takes squares, `[n, 3, 224, 224]`. The input is their numbers, as
//! little-endian 32-bit floats. Prints a line for each square: the numbers of every output, separated by spaces, and the
//! outputs by tabs.

use std::io::{Read, Write};

use tract_onnx::prelude::*;

const SQUARE: [usize; 3] = [3, 224, 224];

fn main() -> TractResult<()> {
    let file = std::env::args().nth(1).expect("the name of an ONNX file");
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes)?;
    let numbers: Vec<f32> = bytes
        .as_chunks()
        .0
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect();
    let count = numbers.len() / SQUARE.iter().product::<usize>();
    let shape = [&[count], &SQUARE[..]].concat();

    let model = tract_onnx::onnx()
        .model_for_path(file)?
        .with_input_fact(0, f32::fact(&shape).into())?
        .into_optimized()?
        .into_runnable()?;
    let outputs = model.run(tvec!(Tensor::from_shape(&shape, &numbers)?.into()))?;

    for index in 0..count {
        let mut columns = Vec::new();
        for output in &outputs {
            let rows = output.to_plain_array_view::<f32>()?;
            let numbers: Vec<String> = rows
                .outer_iter()
                .nth(index)
                .into_iter()
                .flatten()
                .map(f32::to_string)
                .collect();
            columns.push(numbers.join(" "));
        }
        writeln!(std::io::stdout(), "{}", columns.join("\t"))?;
    }
    Ok(())
}
