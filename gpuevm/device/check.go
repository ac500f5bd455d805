package device

import (
	"math/big"

	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/crypto/kzg4844"
	"github.com/ethereum/go-ethereum/params"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/gpuevm/opcode"
	"github.com/holiman/uint256"
)

// block is what a batch's environment means for its transactions.
type block struct {
	env         *gpuevm.BlockEnv
	rules       params.Rules
	revision    opcode.Revision
	baseFee     uint256.Int
	blobBaseFee uint256.Int
	in          blockIn
}

// newBlock says in ok whether the device can run transactions of the environment at all.
func newBlock(env *gpuevm.BlockEnv) (b *block, ok bool) {
	if env.Number == nil || len(env.ExtraEIPs) > 0 {
		return nil, false
	}
	b = &block{env: env, rules: env.Rules()}
	if b.revision, ok = opcode.RevisionOf(b.rules); !ok {
		return nil, false
	}
	if b.rules.IsLondon && env.BaseFee == nil || b.rules.IsCancun && env.BlobBaseFee == nil ||
		env.Config.ChainID == nil {
		return nil, false // a header check stands before this; the CPU Engine's panic is no better here
	}
	in := &b.in
	in.revision = uint32(b.revision)
	in.coinbase, in.time, in.gasLimit = env.Coinbase, env.Time, env.GasLimit
	in.ops = opFacts(b.revision)
	random := env.Difficulty
	if b.rules.IsMerge {
		random = env.Random.Big()
	}
	ok = fits(&in.number, env.Number) && fits(&in.prevrandao, random) && fits(&b.baseFee, env.BaseFee) &&
		fits(&b.blobBaseFee, env.BlobBaseFee) && fits(&in.chainID, env.Config.ChainID)
	in.baseFee, in.blobBaseFee = b.baseFee, b.blobBaseFee
	return b, ok
}

// fits sets to x, nil being 0, and reports whether that is exact.
func fits(to *uint256.Int, x *big.Int) bool {
	if x == nil {
		return true
	}
	return x.Sign() >= 0 && !to.SetFromBig(x)
}

const (
	// maxGas is the gas limit from which a transaction goes to the CPU Engine. Below it no
	// sum of costs comes near 2^64; the device counts basic blocks anyway.
	maxGas = 1 << 48
	// maxBytes is the size of data, lists and authorisations from which one does.
	maxBytes = 1 << 24
)

// costs are what the checks of a transaction come to.
type costs struct {
	intrinsic, floor      uint64
	tip, upfront, prepaid uint256.Int
}

// check makes the checks of core's stateTransition that need no state, and computes what
// the sender must have. Where one fails the CPU Engine finds the words for it, so that the
// order of the checks does not matter here.
func (b *block) check(tx *gpuevm.Tx) (c costs, ok bool) {
	if tx.Value == nil || tx.GasPrice == nil || tx.Gas >= maxGas || len(tx.Data) > maxBytes {
		return c, false
	}
	if !b.checkShape(tx) || !b.checkBlobs(tx) || !b.checkPool(tx) {
		return c, false
	}
	var err error
	c.intrinsic, err = core.IntrinsicGas(tx.Data, tx.AccessList, tx.Auths, tx.From, tx.To, tx.Value, b.rules)
	if err != nil || tx.Gas < c.intrinsic {
		return c, false
	}
	if b.rules.IsPrague {
		c.floor, err = core.FloorDataGas(b.rules, tx.From, tx.To, tx.Value, tx.Data, tx.AccessList)
		if err != nil || tx.Gas < c.floor {
			return c, false
		}
	}
	c.tip = *tx.GasPrice
	if b.rules.IsLondon {
		c.tip.Sub(&c.tip, &b.baseFee)
	}
	return c, b.price(tx, &c)
}

// checkShape: what a fork knows of transaction types, and bounds on fees and gas.
func (b *block) checkShape(tx *gpuevm.Tx) bool {
	r := &b.rules
	switch {
	case r.IsOsaka && tx.Gas > params.MaxTxGas,
		tx.AccessList != nil && !r.IsBerlin,
		tx.Auths != nil && (!r.IsPrague || tx.To == nil || len(tx.Auths) == 0),
		tx.To == nil && vm.CheckMaxInitCodeSize(r, uint64(len(tx.Data))) != nil:
		return false
	case !r.IsLondon:
		return true
	}
	return tx.GasFeeCap != nil && tx.GasTipCap != nil && !tx.GasFeeCap.Lt(tx.GasTipCap) && !tx.GasFeeCap.Lt(&b.baseFee)
}

func (b *block) checkBlobs(tx *gpuevm.Tx) bool {
	if tx.BlobHashes == nil {
		return tx.BlobFeeCap == nil || b.rules.IsCancun
	}
	if !b.rules.IsCancun || tx.To == nil || len(tx.BlobHashes) == 0 || b.rules.IsOsaka && len(tx.BlobHashes) > params.BlobTxMaxBlobs {
		return false
	}
	for i := range tx.BlobHashes {
		if !kzg4844.IsValidVersionedHash(tx.BlobHashes[i][:]) {
			return false
		}
	}
	return tx.BlobFeeCap != nil && !tx.BlobFeeCap.Lt(&b.blobBaseFee)
}

func (b *block) checkPool(tx *gpuevm.Tx) bool {
	used := uint64(0)
	if tx.Pool != nil {
		used = tx.Pool.Receipts
	}
	return used <= b.env.GasLimit && b.env.GasLimit-used >= tx.Gas
}

// price computes what buyGas asks of the sender and what it takes.
func (b *block) price(tx *gpuevm.Tx, c *costs) bool {
	gas := uint256.NewInt(tx.Gas)
	if _, over := c.prepaid.MulOverflow(gas, tx.GasPrice); over {
		return false
	}
	c.upfront = c.prepaid
	if tx.GasFeeCap != nil {
		if _, over := c.upfront.MulOverflow(gas, tx.GasFeeCap); over {
			return false
		}
	}
	if _, over := c.upfront.AddOverflow(&c.upfront, tx.Value); over {
		return false
	}
	if len(tx.BlobHashes) == 0 {
		return true
	}
	var fee uint256.Int
	blobs := uint256.NewInt(uint64(len(tx.BlobHashes)) * params.BlobTxBlobGasPerBlob)
	if _, over := fee.MulOverflow(blobs, tx.BlobFeeCap); over {
		return false
	}
	if _, over := c.upfront.AddOverflow(&c.upfront, &fee); over {
		return false
	}
	fee.Mul(blobs, &b.blobBaseFee) // no more than the cap
	_, over := c.prepaid.AddOverflow(&c.prepaid, &fee)
	return !over
}
