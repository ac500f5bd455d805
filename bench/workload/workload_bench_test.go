package workload

import "testing"

// BenchmarkGenerate is how long a block of 10,000 takes to make.
func BenchmarkGenerate(b *testing.B) {
	for _, name := range Names() {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				if _, err := Generate(name, Options{Txs: 10_000, Blocks: 1, Seed: 1}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
