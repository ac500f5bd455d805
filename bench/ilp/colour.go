package ilp

import "fmt"

// viridis (Smith and van der Walt, 2015): even to the eye, also in grey and to the colour-blind.
var viridis = [...][3]float64{
	{68, 1, 84}, {71, 44, 122}, {59, 81, 139}, {44, 113, 142}, {33, 144, 141}, {39, 173, 129}, {92, 200, 99}, {170, 220, 50}, {253, 231, 37},
}

// slotColour is that of a place from first (0) to last (1), and of text on it.
func slotColour(place float64) (fill, ink string) {
	x := min(max(place, 0), 1) * float64(len(viridis)-1)
	i := min(int(x), len(viridis)-2)
	var c [3]float64
	for k := range c {
		c[k] = viridis[i][k] + (x-float64(i))*(viridis[i+1][k]-viridis[i][k])
	}
	ink = "#fff"
	if 0.2126*c[0]+0.7152*c[1]+0.0722*c[2] > 115 {
		ink = "#000"
	}
	return fmt.Sprintf("#%02x%02x%02x", int(c[0]), int(c[1]), int(c[2])), ink
}
