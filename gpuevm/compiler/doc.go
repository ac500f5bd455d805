// Package compiler turns EVM bytecode into SSA, so that what is independent shows.
//
// A stack machine hides its parallelism: every instruction seems to wait for the last. Here
// a contract becomes a Func of Blocks of Values that name their operands; gas and stack are
// checked once per section; passes make it smaller, and a list schedule puts independent
// work side by side. Nothing here knows what an opcode computes beyond what folding a
// constant needs: a Value's Op is the opcode whose function in kernels it stands for.
//
// What it is not: a verifier or a decompiler. It never has to understand a contract. Wherever
// it does not (a jump with unknown target, a stack that grows in a loop, a section that
// can't be paid) compiled code leaves: it puts the stack where the interpreter wants it and
// the interpreter goes on from there. So no assumption made here can be wrong, it can only
// be useless:
//
//   - A frame enters at position 0 or, where it had called, at the resume block it called
//     from. A frame that has left stays with the interpreter until it ends. Therefore all
//     paths to a block are edges of the Func, and what holds on all of them holds.
//   - Where a section's gas check fails the interpreter runs it instead, one instruction
//     at a time, and fails where it has to. Therefore every charge that is a constant may
//     be moved to the check.
//
// Why blocks are kept apart by stack height: the height is then a constant, the stack is an
// array of names, and neither underflow nor overflow is left to check at run time. Helper
// functions are cloned for each height that they are called at, which costs about as much
// as inlining small ones and gains the same. Why a call ends a block and its values: frames
// nest 1024 deep, which no GPU thread's call stack holds; a frame that calls is suspended
// in memory and resumed.
//
// Func.Emit then writes CUDA C (kernels/compiled.cuh says in what terms), which gpuevm/device
// has compiled and linked with the interpreter. A contract becomes a function that returns
// where the interpreter's loop would: when the frame ends, calls, or leaves. Words that cross
// blocks lie in an array, so that a contract can be cut into functions of bounded size and
// what the interpreter takes over is told by tables; the rest are locals.
package compiler
