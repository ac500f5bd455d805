// Package bulk works on whole states, larger than memory, in the order of their tries: it
// imports a state, verifies one from scratch, and dumps one.
//
// The store keeps accounts and slots by their plain names; a trie has them by their Keccak
// hashes. So the one hard thing here is a sort:
//
//	Source --> intake --> storage tries --> accounts, sorted --> account trie
//	           slots of one account         by hash              in 16 parts
//	           sorted by hash
//
// Slots come account by account, and the storage trie of one account needs no other's. So only
// an account that exceeds its share of memory is sorted on disk (a temporary file a run,
// merged), all others where they are; sorting all slots by (account, slot) at once was
// rejected, as it writes and reads a state's slots twice more. Accounts are sorted together;
// they take 164 bytes each.
//
// Tries are built with go-ethereum's StackTrie, leaf after leaf, and not with statedb/mpt: what
// verifies a program's work should share none of its mistakes. A trie that was sorted on disk
// is built in 16 parts by the first nibble, on all cores.
//
// What comes out, flat records and trie nodes, goes to a product: Import's writes it into a
// store, Verify's compares it with what the store has. So Verify is an import of a store's
// flat state that writes nothing.
package bulk
