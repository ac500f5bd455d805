package hostsched

import (
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/params"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/holiman/uint256"
)

// before makes the protocol's changes that come before the transactions: the DAO fork,
// the beacon root (EIP-4788) and the parent's hash (EIP-2935). Failing calls are ignored,
// as specified.
func (r *run) before() error {
	cfg, h := r.block.Config, r.header
	if cfg.DAOForkSupport && cfg.DAOForkBlock != nil && cfg.DAOForkBlock.Cmp(h.Number) == 0 {
		if err := r.forkDAO(); err != nil {
			return err
		}
	}
	if h.ParentBeaconRoot != nil {
		if _, err := r.systemCall(params.BeaconRootsAddress, h.ParentBeaconRoot[:]); err != nil {
			return err
		}
	}
	if cfg.IsPrague(h.Number, h.Time) {
		if _, err := r.systemCall(params.HistoryStorageAddress, h.ParentHash[:]); err != nil {
			return err
		}
	}
	return nil
}

// after makes the changes that follow the transactions: withdrawals (EIP-4895), requests
// (EIP-6110, 7002, 7251, 8282) and the consensus engine's rewards.
func (r *run) after() (requests [][]byte, err error) {
	if r.block.TxsOnly {
		return nil, nil
	}
	h := r.header
	rules := r.block.Config.Rules(h.Number, true, h.Time) // as go-ethereum asks here
	if rules.IsShanghai {
		var credits []Credit
		for _, w := range r.block.Withdrawals() {
			amount := new(uint256.Int).SetUint64(w.Amount)
			credits = append(credits, Credit{w.Address, amount.Mul(amount, uint256.NewInt(params.GWei))})
		}
		if err := r.creditAll(credits); err != nil {
			return nil, err
		}
	}
	if rules.IsPrague {
		requests = [][]byte{}
		if err := core.ParseDepositLogs(&requests, r.receipts.logs, r.block.Config); err != nil {
			return nil, fmt.Errorf("failed to parse deposit logs: %w", err)
		}
		queues := requestQueues[:2]
		if rules.IsAmsterdam {
			queues = requestQueues[:]
		}
		for _, q := range queues {
			if requests, err = r.drain(requests, q); err != nil {
				return nil, fmt.Errorf("failed to process %s queue: %w", q.name, err)
			}
		}
	}
	rewards := r.block.Rewards
	if rewards == nil {
		rewards = ethashRewards(r.block.Config)
	}
	return requests, r.creditAll(rewards(h, r.block.Uncles()))
}

// requestQueue is a system contract that hands out requests at the end of a block.
type requestQueue struct {
	kind byte // EIP-7685 request type
	name string
	addr common.Address
}

var requestQueues = [...]requestQueue{
	{0x01, "withdrawal", params.WithdrawalQueueAddress},
	{0x02, "consolidation", params.ConsolidationQueueAddress},
	{0x03, "builder deposit", params.BuilderDepositAddress},
	{0x04, "builder exit", params.BuilderExitAddress},
}

// drain asks a queue for its requests. Unlike the calls before the transactions this one
// must succeed.
func (r *run) drain(requests [][]byte, q requestQueue) ([][]byte, error) {
	code, err := r.state.read(gpuevm.Key{Addr: q.addr, Kind: gpuevm.CodeHash}, int32(len(r.txs)))
	if err != nil {
		return nil, err
	}
	if code == (common.Hash{}) {
		return nil, fmt.Errorf("empty system contract: no code at %v", q.addr)
	}
	result, err := r.systemCall(q.addr, nil)
	if err != nil {
		return nil, err
	}
	if result.Err != nil {
		return nil, fmt.Errorf("system call failed to execute: %v", result.Err)
	}
	if len(result.Output) > 0 {
		requests = append(requests, append([]byte{q.kind}, result.Output...))
	}
	return requests, nil
}

// systemCall makes a call by the protocol on the exact state and applies what it changes.
func (r *run) systemCall(to common.Address, data []byte) (*gpuevm.Result, error) {
	at := len(r.txs)
	tx := gpuevm.Tx{Index: at, From: params.SystemAddress, To: &to, Data: data, System: true}
	results, err := r.referee.Execute(r.ctx, r.env, []gpuevm.Tx{tx}, &view{r.state, int32(at)})
	if err != nil {
		return nil, err
	}
	result := &results[0]
	if result.Status == gpuevm.Unsupported {
		return nil, result.Err
	}
	return result, r.apply(at, &result.Diff)
}

// forkDAO moves the balances of the DAO to the refund contract, as go-ethereum's
// misc.ApplyDAOHardFork.
func (r *run) forkDAO() error {
	var credits []Credit
	drained := new(gpuevm.StateDiff)
	for _, addr := range params.DAODrainList() {
		key := gpuevm.Key{Addr: addr, Kind: gpuevm.Balance}
		v, err := r.state.read(key, 0)
		if err != nil {
			return err
		}
		credits = append(credits, Credit{params.DAORefundContract, new(uint256.Int).SetBytes32(v[:])})
		drained.Cells = append(drained.Cells, gpuevm.Cell{Key: key})
	}
	if err := r.apply(0, drained); err != nil {
		return err
	}
	return r.creditAll(credits)
}

// Credit is wei given to an account by the protocol.
type Credit struct {
	Addr   common.Address
	Amount *uint256.Int
}

// creditAll pays credits as one step: an account is empty or not after all of them.
func (r *run) creditAll(credits []Credit) error {
	sums := make(map[common.Address]*uint256.Int)
	var order []common.Address
	for _, c := range credits {
		if sums[c.Addr] == nil {
			sums[c.Addr] = new(uint256.Int)
			order = append(order, c.Addr)
		}
		sums[c.Addr].Add(sums[c.Addr], c.Amount)
	}
	for _, addr := range order {
		if err := r.credit(len(r.txs), addr, sums[addr]); err != nil {
			return err
		}
	}
	return nil
}
