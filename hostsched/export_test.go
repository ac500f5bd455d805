package hostsched

// EarlyGroups makes hand-overs of settled accounts as small as n, until it is undone.
func EarlyGroups(n int) (undo func()) {
	old := earlyGroup
	earlyGroup = n
	return func() { earlyGroup = old }
}
