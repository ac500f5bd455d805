package compiler

import "fmt"

// value writes an operation.
func (e *emitter) value(v *Value) {
	a := v.Args
	switch v.Op {
	case OpSection:
		e.section(v)
	case OpCharge:
		e.charge(v)
	case OpTouch:
		e.touch(v)
	case OpGrow:
		end := a[0].Const.Uint64() + a[1].Const.Uint64()
		e.line("  if (!within(m, %s, %s) && !rt_grow(e, m, %d)) return HALTED;", e.low(a[0]), e.low(a[1]), end)
	case 0x31, 0x3b, 0x3c, 0x3f, 0x54:
		e.surcharged(v)
	case 0x37:
		e.line("  rt_call_data_copy(e, m, %s);", e.operandList(a))
	case 0x39:
		e.line("  rt_code_copy(m, %s);", e.operandList(a))
	case 0x3e:
		e.line("  if (!rt_return_data_copy(e, m, %s)) return HALTED;", e.operandList(a))
	case 0x5e:
		e.line("  rt_memory_copy(m, %s);", e.operandList(a))
	case 0x52:
		e.line("  write_word(m, %s, %s);", e.low(a[0]), e.stored(a[1]))
	case 0x53:
		e.line("  set_memory_byte(m, %s, %s);", e.low(a[0]), e.low(a[1]))
	case 0x55:
		e.line("  if (!rt_sstore(e, m, %s)) return HALTED;", e.operandList(a))
	case 0x5d:
		e.line("  if (!rt_tstore(e, m, %s)) return HALTED;", e.operandList(a))
	case 0xa0, 0xa1, 0xa2, 0xa3, 0xa4:
		e.line("  {\n    Topics t = {{%s}};", e.operandList(a[2:]))
		e.line("    if (!rt_log(e, m, %d, %s, t)) return HALTED;\n  }", len(a)-2, e.operandList(a[:2]))
	default:
		e.assign(v, e.computed(v))
	}
}

// section pays a section, and counts it as the interpreter counts its blocks.
func (e *emitter) section(v *Value) {
	short := e.tail("return rt_unpaid(e, m, w, 0, 0);")
	if v.Exit != nil {
		short = e.leave(v.Exit, v.Exit.PC)
	}
	e.line("  if (UNLIKELY(!pay(e, m, %d))) %s", v.Fixed, short)
}

func (e *emitter) charge(v *Value) {
	e.line("  {\n    u64 cost = %d + %d * (u64)byte_length(%s);", v.Fixed, v.Byte, e.word(v.Args[0]))
	e.line("    if (UNLIKELY(m.gas < cost)) %s", e.unpaid(v.Exit, v.Rest))
	e.line("    m.gas -= cost;\n  }")
}

// unpaid is what happens where gas does not suffice.
func (e *emitter) unpaid(x *Exit, rest uint64) string {
	switch {
	case x == nil:
		return e.tail("return rt_out_of_gas(e);")
	case rest == 0:
		return e.leave(x, x.PC)
	}
	return fmt.Sprintf("{ m.gas += %d; %s }", rest, e.leave(x, x.PC))
}

// touch pays for memory where it is not there yet.
func (e *emitter) touch(v *Value) {
	offset, size := v.Args[0], v.Args[1]
	at := e.word(offset)
	if len(v.Args) == 3 {
		other := e.word(v.Args[2])
		at = fmt.Sprintf("(less(%s, %s) ? %s : %s)", at, other, other, at)
	}
	more := fmt.Sprint(v.Fixed)
	if v.Byte > 0 {
		more += fmt.Sprintf(" + %d * %s", v.Byte, e.low(size))
	}
	call := fmt.Sprintf("rt_touch(e, m, %s, %s, %d, %s", at, e.word(size), v.Word, more)
	guard := ""
	if n := size.small(); n > 0 && v.Word == 0 && v.Byte == 0 && v.Fixed == 0 && len(v.Args) == 2 {
		where := e.word(offset)
		call = fmt.Sprintf("rt_reach(e, m, %s, %d", where, n)
		if isNarrow(offset) {
			where = e.low(offset)
			call = fmt.Sprintf("rt_reach64(e, m, %s, %d", where, n)
		}
		guard = fmt.Sprintf("!handy(m, %s, %d) && ", where, n)
	}
	e.paid(v, guard, call)
}

// paid makes a call that pays or does not.
func (e *emitter) paid(v *Value, guard, call string) {
	if v.Exit == nil {
		e.line("  if (UNLIKELY(%s%s, 0, false) != PAID)) return HALTED;", guard, call)
		return
	}
	e.dear = true
	e.line("  if (UNLIKELY(%s(paid = %s, %d, true)) != PAID)) { n = %d; goto unpaid; }",
		guard, call, v.Rest, e.exitList(v.Exit, v.Exit.PC))
}

// surcharged are the operations that charge for what was not accessed before. Their word has
// a place before they may leave, for it is on the stack then.
func (e *emitter) surcharged(v *Value) {
	if v.Op == 0x3c {
		e.paid(v, "", "rt_ext_code_copy(e, m, "+e.operandList(v.Args))
		return
	}
	to := "wide_" + name(v)
	if slot, placed := e.slots[v]; placed {
		to = fmt.Sprintf("w[%d]", slot)
	} else {
		e.line("  u256 %s;", to)
	}
	e.paid(v, "", fmt.Sprintf("rt_%s(e, m, %s, &%s", surcharges[v.Op], e.word(v.Args[0]), to))
	e.line("  %s %s = %s;", typeOf(v), name(v), fit(v, expression{to, false}))
}

var surcharges = map[Op]string{0x31: "balance", 0x3b: "ext_code_size", 0x3f: "ext_code_hash", 0x54: "sload"}

// computed is what makes a word and nothing else.
func (e *emitter) computed(v *Value) expression {
	if x, ok := e.narrowed(v); ok {
		return x
	}
	if text, ok := narrowCalls[v.Op]; ok && isNarrow(v.Args[0]) {
		return expression{fmt.Sprintf(text, e.low(v.Args[0])), false}
	}
	if text, ok := calls[v.Op]; ok {
		return expression{fmt.Sprintf(text.text, e.operands(v.Args)...), text.narrow}
	}
	e.fault = fmt.Errorf("compiler: no function of kernels is known for %s", v.Op)
	return expression{}
}

func (e *emitter) operands(list []*Value) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = e.word(v)
	}
	return out
}

// calls are the functions of kernels, with operands as words.
var calls = map[Op]expression{
	0x01: {"add(%s, %s)", false}, 0x02: {"mul(%s, %s)", false}, 0x03: {"sub(%s, %s)", false},
	0x04: {"rt_divide(%s, %s)", false}, 0x05: {"rt_signed_divide(%s, %s)", false},
	0x06: {"rt_modulo(%s, %s)", false}, 0x07: {"rt_signed_modulo(%s, %s)", false},
	0x08: {"rt_add_mod(%s, %s, %s)", false}, 0x09: {"rt_mul_mod(%s, %s, %s)", false},
	0x0a: {"rt_power(%s, %s)", false}, 0x0b: {"sign_extend(%s, %s)", false},
	0x10: {"(u64)less(%s, %s)", true}, 0x11: {"(u64)less(%[2]s, %[1]s)", true},
	0x12: {"(u64)signed_less(%s, %s)", true}, 0x13: {"(u64)signed_less(%[2]s, %[1]s)", true},
	0x14: {"(u64)equal(%s, %s)", true}, 0x15: {"(u64)is_zero(%s)", true},
	0x16: {"bit_and(%s, %s)", false}, 0x17: {"bit_or(%s, %s)", false}, 0x18: {"bit_xor(%s, %s)", false},
	0x19: {"bit_not(%s)", false}, 0x1a: {"byte_at(%s, %s)", false},
	0x1b: {"shift_left(%s, %s)", false}, 0x1c: {"shift_right(%s, %s)", false},
	0x1d: {"shift_right_signed(%s, %s)", false}, 0x1e: {"count_leading_zeros(%s)", false},
	0x20: {"rt_hash(m, %s, %s)", false}, OpHash1: {"rt_hash1(%s)", false}, OpHash2: {"rt_hash2(%s, %s)", false},
	0x30: {"own_address(e)", false}, 0x32: {"origin(e)", false}, 0x33: {"caller(e)", false},
	0x34: {"call_value(e)", false}, 0x35: {"rt_call_data_word(e, %s)", false}, 0x36: {"call_data_size(e)", true},
	0x3a: {"gas_price(e)", false}, 0x3d: {"return_data_size(e)", true}, 0x40: {"rt_block_hash(e, %s)", false},
	0x41: {"coinbase(e)", false}, 0x42: {"timestamp(e)", true}, 0x43: {"block_number(e)", false},
	0x44: {"prevrandao(e)", false}, 0x45: {"gas_limit(e)", true}, 0x46: {"chain_id(e)", false},
	0x47: {"rt_self_balance(e)", false}, 0x48: {"base_fee(e)", false}, 0x49: {"blob_hash(e, %s)", false},
	0x4a: {"blob_base_fee(e)", false}, 0x51: {"read_word(m, low64(%s))", false}, 0x59: {"(u64)m.memory_size", true},
	0x5a: {"m.gas", true}, 0x5c: {"rt_tload(e, %s)", false},
}

// narrowCalls take an operand that is narrow as 64 bits: what is passed takes time to compile.
var narrowCalls = map[Op]string{0x35: "rt_call_data_at(e, %s)", 0x51: "read_word(m, %s)"}

// narrowed computes in 64 bits what the bits of the operands allow.
func (e *emitter) narrowed(v *Value) (expression, bool) {
	a := v.Args
	small := func(text string) (expression, bool) { return expression{text, true}, true }
	if v.Op == 0x16 && isNarrow(v) {
		return small(fmt.Sprintf("%s & %s", e.low(a[0]), e.low(a[1])))
	}
	if v.Op >= 0x20 || len(a) == 0 {
		return expression{}, false
	}
	for _, x := range a {
		if !isNarrow(x) {
			return expression{}, false
		}
	}
	if text, ok := narrowTruths[v.Op]; ok {
		return small(fmt.Sprintf(text, e.low(a[0]), e.low(a[len(a)-1])))
	}
	if text, ok := narrowWords[v.Op]; ok && isNarrow(v) {
		return small(fmt.Sprintf(text, e.low(a[0]), e.low(a[1])))
	}
	if v.Op == 0x02 {
		x, y := e.low(a[0]), e.low(a[1])
		return expression{fmt.Sprintf("u256{{%s * %s, mul_high(%s, %s), 0, 0}}", x, y, x, y), false}, true
	}
	return expression{}, false
}

// What is narrow is not negative.
var narrowTruths = map[Op]string{
	0x10: "(u64)(%s < %s)", 0x11: "(u64)(%s > %s)", 0x12: "(u64)(%s < %s)", 0x13: "(u64)(%s > %s)",
	0x14: "(u64)(%s == %s)", 0x15: "(u64)(%[1]s == 0)",
}

var narrowWords = map[Op]string{
	0x01: "%s + %s", 0x02: "%s * %s", 0x04: "(%[2]s ? %[1]s / %[2]s : 0)", 0x06: "(%[2]s ? %[1]s %% %[2]s : 0)",
	0x17: "%s | %s", 0x18: "%s ^ %s",
	0x1b: "(%[1]s < 64 ? %[2]s << (%[1]s & 63) : 0)", 0x1c: "(%[1]s < 64 ? %[2]s >> (%[1]s & 63) : 0)",
	0x1d: "(%[1]s < 64 ? %[2]s >> (%[1]s & 63) : 0)",
}
