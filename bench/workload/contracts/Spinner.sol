// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Work without end, for transactions that run out of gas after many steps and stores.
contract Spinner {
    mapping(uint256 => uint256) public slots;

    function spin() external {
        uint256 x = uint256(uint160(msg.sender));
        for (uint256 i;; ++i) {
            unchecked {
                x = x * 6364136223846793005 + i;
            }
            if (i % 64 == 63) slots[x % 1024] = x;
        }
    }
}
