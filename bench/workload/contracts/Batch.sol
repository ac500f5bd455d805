// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// What an account delegates to (EIP-7702) to do several things in one transaction.
contract Batch {
    struct Call {
        address to;
        uint256 value;
        bytes data;
    }

    error CallFailed(uint256 index, bytes reason);

    receive() external payable {}

    /// A delegated account has code, so it is asked whether it takes a badge.
    function onERC721Received(address, address, uint256, bytes calldata) external pure returns (bytes4) {
        return this.onERC721Received.selector;
    }

    /// Anyone may pay for the batch of anyone: fit for a benchmark, for nothing else.
    function run(Call[] calldata calls) external payable {
        for (uint256 i; i < calls.length; ++i) {
            (bool ok, bytes memory reason) = calls[i].to.call{value: calls[i].value}(calls[i].data);
            if (!ok) revert CallFailed(i, reason);
        }
    }
}
