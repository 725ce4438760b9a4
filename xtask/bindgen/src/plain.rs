//! The module for browsers without wasm's relaxed SIMD, made out of the one that uses it: each of its fused multiply-adds becomes a
//! product and a sum, and the maxima and minima into which the compiler puts more of it become ordinary ones, which are among what the
//! relaxed may give. That takes a second, where to compile the crate once more takes minutes, and it is the same
//! code by construction. Knows wasm; which module is made of which is decided elsewhere.

use anyhow::{Result, ensure};
use walrus::ir::{
    BinaryOp, Binop, Instr, InstrLocId, InstrSeq, LocalGet, LocalSet, TernOp, TernaryOp, VisitorMut, dfs_pre_order_mut,
};
use walrus::{LocalId, Module, ValType};

/// The same module without relaxed SIMD.
///
/// # Errors
/// Where `wasm` is no module, or where it uses more of relaxed SIMD than these.
pub fn without_relaxed_simd(wasm: &[u8]) -> Result<Vec<u8>> {
    let mut module = Module::from_buffer(wasm)?;
    let mut left = Vec::new();
    for (_, function) in module.funcs.iter_local_mut() {
        let mut lowering = Lowering {
            sum: module.locals.add(ValType::V128),
            left: &mut left,
        };
        let entry = function.entry_block();
        dfs_pre_order_mut(&mut lowering, function, entry);
    }
    ensure!(
        left.is_empty(),
        "the module uses {}: xtask/bindgen/src/plain.rs must learn how to do without",
        left.join(", ")
    );
    Ok(module.emit_wasm())
}

struct Lowering<'a> {
    /// Where a function keeps what is to be added while it multiplies.
    sum: LocalId,
    /// Instructions of relaxed SIMD that stay.
    left: &'a mut Vec<String>,
}

impl Lowering<'_> {
    /// What does the work of an instruction.
    fn lowered(&self, instr: Instr) -> Vec<Instr> {
        match instr {
            Instr::TernOp(TernOp {
                op: TernaryOp::F32x4RelaxedMadd,
            }) => vec![
                LocalSet { local: self.sum }.into(),
                binary(BinaryOp::F32x4Mul),
                LocalGet { local: self.sum }.into(),
                binary(BinaryOp::F32x4Add),
            ],
            Instr::Binop(Binop {
                op: BinaryOp::F32x4RelaxedMax,
            }) => vec![binary(BinaryOp::F32x4PMax)],
            Instr::Binop(Binop {
                op: BinaryOp::F32x4RelaxedMin,
            }) => vec![binary(BinaryOp::F32x4PMin)],
            other => vec![other],
        }
    }
}

fn binary(op: BinaryOp) -> Instr {
    Binop { op }.into()
}

impl VisitorMut for Lowering<'_> {
    fn start_instr_seq_mut(&mut self, sequence: &mut InstrSeq) {
        let instrs = std::mem::take(&mut sequence.instrs);
        let lowered = instrs.into_iter().flat_map(|(instr, _)| self.lowered(instr));
        sequence.instrs = lowered.map(|instr| (instr, InstrLocId::default())).collect();
    }

    fn visit_instr_mut(&mut self, instr: &mut Instr, _: &mut InstrLocId) {
        let name = format!("{instr:?}");
        if name.contains("Relaxed") {
            self.left.push(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use walrus::{FunctionBuilder, InstrSeqBuilder};

    /// A module that exports one function, which does `op` to its vectors.
    fn module(vectors: usize, op: impl FnOnce(&mut InstrSeqBuilder)) -> Vec<u8> {
        let mut module = Module::default();
        let vectors = vec![ValType::V128; vectors];
        let mut function = FunctionBuilder::new(&mut module.types, &vectors, &[ValType::V128]);
        let arguments: Vec<LocalId> = vectors.iter().map(|&vector| module.locals.add(vector)).collect();
        let mut body = function.func_body();
        for &argument in &arguments {
            body.local_get(argument);
        }
        op(&mut body);
        let function = function.finish(arguments, &mut module.funcs);
        module.exports.add("op", function);
        module.emit_wasm()
    }

    fn uses(wasm: &[u8], opcodes: &[u8]) -> bool {
        wasm.windows(opcodes.len()).any(|bytes| bytes == opcodes)
    }

    #[test]
    fn a_multiply_add_becomes_a_product_and_a_sum() {
        let relaxed = module(3, |body| {
            body.tern_op(TernaryOp::F32x4RelaxedMadd);
        });
        assert!(uses(&relaxed, &[0xfd, 0x85, 0x02]));
        let plain = without_relaxed_simd(&relaxed).unwrap();
        assert!(!uses(&plain, &[0xfd, 0x85, 0x02]));
        // local.set 3, f32x4.mul, local.get 3, f32x4.add
        let expected = [0x21, 3, 0xfd, 0xe6, 0x01, 0x20, 3, 0xfd, 0xe4, 0x01];
        assert!(uses(&plain, &expected), "{plain:x?}");
    }

    #[test]
    fn maxima_and_minima_become_ordinary_ones() {
        for (relaxed, plain) in [
            (BinaryOp::F32x4RelaxedMax, [0xfd, 0xeb, 0x01]),
            (BinaryOp::F32x4RelaxedMin, [0xfd, 0xea, 0x01]),
        ] {
            let wasm = module(2, |body| {
                body.binop(relaxed);
            });
            assert!(!uses(&wasm, &plain));
            assert!(uses(&without_relaxed_simd(&wasm).unwrap(), &plain), "{relaxed:?}");
        }
    }

    #[test]
    fn what_cannot_be_replaced_is_named() {
        let error = without_relaxed_simd(&module(3, |body| {
            body.tern_op(TernaryOp::F32x4RelaxedNmadd);
        }))
        .unwrap_err();
        assert!(error.to_string().contains("F32x4RelaxedNmadd"), "{error}");
    }

    #[test]
    fn what_is_no_module_is_an_error() {
        assert!(without_relaxed_simd(b"no").is_err());
    }
}
