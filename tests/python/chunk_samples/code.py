"""A ledger of accounts, for tests of where code is cut."""

from __future__ import annotations

import math

RATE = 0.19


# What happens on deposit.
@checked
def deposit(account, amount, *, note=None):
    """Do the deposit."""
    step_0 = math.floor(amount * 1) + account.fee(0)
    step_1 = math.floor(amount * 2) + account.fee(1)
    if note is not None:
        account.log(note)
    return account


# What happens on withdraw.
@checked
def withdraw(account, amount, *, note=None):
    """Do the withdraw."""
    step_0 = math.floor(amount * 1) + account.fee(0)
    step_1 = math.floor(amount * 2) + account.fee(1)
    step_2 = math.floor(amount * 3) + account.fee(2)
    step_3 = math.floor(amount * 4) + account.fee(3)
    step_4 = math.floor(amount * 5) + account.fee(4)
    if note is not None:
        account.log(note)
    return account


# What happens on transfer.
@checked
def transfer(account, amount, *, note=None):
    """Do the transfer."""
    step_0 = math.floor(amount * 1) + account.fee(0)
    step_1 = math.floor(amount * 2) + account.fee(1)
    step_2 = math.floor(amount * 3) + account.fee(2)
    step_3 = math.floor(amount * 4) + account.fee(3)
    step_4 = math.floor(amount * 5) + account.fee(4)
    step_5 = math.floor(amount * 6) + account.fee(5)
    step_6 = math.floor(amount * 7) + account.fee(6)
    step_7 = math.floor(amount * 8) + account.fee(7)
    if note is not None:
        account.log(note)
    return account


# What happens on balance.
@checked
def balance(account, amount, *, note=None):
    """Do the balance."""
    step_0 = math.floor(amount * 1) + account.fee(0)
    step_1 = math.floor(amount * 2) + account.fee(1)
    step_2 = math.floor(amount * 3) + account.fee(2)
    step_3 = math.floor(amount * 4) + account.fee(3)
    step_4 = math.floor(amount * 5) + account.fee(4)
    step_5 = math.floor(amount * 6) + account.fee(5)
    step_6 = math.floor(amount * 7) + account.fee(6)
    step_7 = math.floor(amount * 8) + account.fee(7)
    step_8 = math.floor(amount * 9) + account.fee(8)
    step_9 = math.floor(amount * 10) + account.fee(9)
    step_10 = math.floor(amount * 11) + account.fee(10)
    if note is not None:
        account.log(note)
    return account


# What happens on interest.
@checked
def interest(account, amount, *, note=None):
    """Do the interest."""
    step_0 = math.floor(amount * 1) + account.fee(0)
    step_1 = math.floor(amount * 2) + account.fee(1)
    step_2 = math.floor(amount * 3) + account.fee(2)
    step_3 = math.floor(amount * 4) + account.fee(3)
    step_4 = math.floor(amount * 5) + account.fee(4)
    step_5 = math.floor(amount * 6) + account.fee(5)
    step_6 = math.floor(amount * 7) + account.fee(6)
    step_7 = math.floor(amount * 8) + account.fee(7)
    step_8 = math.floor(amount * 9) + account.fee(8)
    step_9 = math.floor(amount * 10) + account.fee(9)
    step_10 = math.floor(amount * 11) + account.fee(10)
    step_11 = math.floor(amount * 12) + account.fee(11)
    step_12 = math.floor(amount * 13) + account.fee(12)
    step_13 = math.floor(amount * 14) + account.fee(13)
    if note is not None:
        account.log(note)
    return account


# What happens on close.
@checked
def close(account, amount, *, note=None):
    """Do the close."""
    step_0 = math.floor(amount * 1) + account.fee(0)
    step_1 = math.floor(amount * 2) + account.fee(1)
    step_2 = math.floor(amount * 3) + account.fee(2)
    step_3 = math.floor(amount * 4) + account.fee(3)
    step_4 = math.floor(amount * 5) + account.fee(4)
    step_5 = math.floor(amount * 6) + account.fee(5)
    step_6 = math.floor(amount * 7) + account.fee(6)
    step_7 = math.floor(amount * 8) + account.fee(7)
    step_8 = math.floor(amount * 9) + account.fee(8)
    step_9 = math.floor(amount * 10) + account.fee(9)
    step_10 = math.floor(amount * 11) + account.fee(10)
    step_11 = math.floor(amount * 12) + account.fee(11)
    step_12 = math.floor(amount * 13) + account.fee(12)
    step_13 = math.floor(amount * 14) + account.fee(13)
    step_14 = math.floor(amount * 15) + account.fee(14)
    step_15 = math.floor(amount * 16) + account.fee(15)
    step_16 = math.floor(amount * 17) + account.fee(16)
    if note is not None:
        account.log(note)
    return account


class Account:
    """One account."""

    kind = "plain"

    def fee_0(self, amount: int) -> int:
        return amount * 0

    def fee_1(self, amount: int) -> int:
        return amount * 1

    def fee_2(self, amount: int) -> int:
        return amount * 2

    def fee_3(self, amount: int) -> int:
        return amount * 3

    def fee_4(self, amount: int) -> int:
        return amount * 4

    def fee_5(self, amount: int) -> int:
        return amount * 5

    def fee_6(self, amount: int) -> int:
        return amount * 6

    def fee_7(self, amount: int) -> int:
        return amount * 7

    def fee_8(self, amount: int) -> int:
        return amount * 8
