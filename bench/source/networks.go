package source

import (
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/params"
)

// networks are the public chains that blocks are named after, in the order in which a
// Set lists them.
var networks = []struct {
	name   string
	config *params.ChainConfig
}{
	{"mainnet", params.MainnetChainConfig},
	{"sepolia", params.SepoliaChainConfig},
	{"holesky", holesky},
	{"hoodi", params.HoodiChainConfig},
}

// holesky is gone from go-ethereum. It began merged, with every fork up to then active.
var holesky = func() *params.ChainConfig {
	c := *params.SepoliaChainConfig // same forks from the start, and the same blob schedule
	at := func(time uint64) *uint64 { return &time }
	c.ChainID = big.NewInt(17000)
	c.MergeNetsplitBlock = nil
	c.ShanghaiTime = at(1696000704)
	c.CancunTime = at(1707305664)
	c.PragueTime = at(1740434112)
	c.OsakaTime = at(1759308480)
	c.BPO1Time = at(1759800000)
	c.BPO2Time = at(1760389824)
	c.DepositContractAddress = common.HexToAddress("0x4242424242424242424242424242424242424242")
	return &c
}()

// ConfigOf is the chain configuration of a network.
func ConfigOf(network string) (*params.ChainConfig, error) {
	for _, n := range networks {
		if n.name == network {
			return n.config, nil
		}
	}
	return nil, fmt.Errorf("unknown network %q", network)
}

// networkByID finds a network by its chain id.
func networkByID(id uint64) (name string, config *params.ChainConfig, err error) {
	for _, n := range networks {
		if n.config.ChainID.IsUint64() && n.config.ChainID.Uint64() == id {
			return n.name, n.config, nil
		}
	}
	return "", nil, fmt.Errorf("unknown chain id %d", id)
}

// rank orders names of networks.
func rank(network string) int {
	for i, n := range networks {
		if n.name == network {
			return i
		}
	}
	return len(networks)
}
