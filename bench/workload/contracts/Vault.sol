// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// The small contract that deployments deploy: an owner, an immutable, a few slots.
contract Vault {
    address public owner;
    uint256 public immutable born;
    mapping(address => uint256) public deposits;

    error OnlyOwner();
    error PayoutFailed();

    constructor(address owner_) payable {
        owner = owner_;
        born = block.number;
        deposits[owner_] = msg.value;
    }

    receive() external payable {
        deposits[msg.sender] += msg.value;
    }

    function drain(address payable to) external {
        if (msg.sender != owner) revert OnlyOwner();
        (bool ok,) = to.call{value: address(this).balance}("");
        if (!ok) revert PayoutFailed();
    }
}
