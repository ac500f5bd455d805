// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Each step hashes what the last step left: no two steps can be told apart from their
/// order, and none can start before the one before it has ended.
contract HashChain {
    bytes32 public head;
    uint256 public length;

    event Step(uint256 indexed index, bytes32 head);

    function step(bytes32 salt, uint256 rounds) external {
        bytes32 h = keccak256(abi.encode(head, salt, msg.sender));
        for (uint256 i; i < rounds; ++i) {
            h = keccak256(abi.encode(h, i));
        }
        head = h;
        emit Step(++length, h);
    }
}
