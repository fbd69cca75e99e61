using Grid.Formats.Operations;
using Grid.Replication.Primary;
using Grid.Tests.Replication.Rigs;
using Xunit;

namespace Grid.Tests.Replication;

/// <summary>Batches of one client take effect in the client's order, each at most once.</summary>
public sealed class ClientOrderTests
{
    private readonly PrimaryRig _rig = new(new PrimaryOptions { BatchesBehindHoleMax = 3, HoleWaitMs = 100, ClientsMax = 2 });

    [Fact]
    public void A_batch_that_overtook_others_waits_for_them()
    {
        Ticket third = _rig.DoInOrder(3, Op.Set("k", "3")), second = _rig.DoInOrder(2, Op.Set("k", "2"));
        Assert.True(third.IsWaiting && second.IsWaiting);
        _rig.DoInOrder(1, Op.Set("k", "1"));
        Assert.Equal("3", _rig.Do(Op.Get("k")).Done.Only.Value);
        Assert.True(second.Done.Only.Version < third.Done.Only.Version);
    }

    [Fact]
    public void A_hole_that_stays_is_answered_with_the_number_to_send_from()
    {
        Ticket second = _rig.DoInOrder(2, Op.Set("k", "2"));
        _rig.Wait(150);
        Assert.Equal((BatchStatus.ResendFrom, 1L), (second.Done.Status, second.Done.Argument));
        _rig.DoInOrder(1, Op.Set("k", "1"));
        Assert.Equal("1", _rig.Do(Op.Get("k")).Done.Only.Value);
        _rig.DoInOrder(2, Op.Set("k", "2"));
        Assert.Equal("2", _rig.Do(Op.Get("k")).Done.Only.Value);
    }

    [Fact]
    public void A_repeated_batch_is_never_applied_again()
    {
        _rig.DoInOrder(1, Op.Add("c", 1));
        Assert.Equal(BatchStatus.Indeterminate, _rig.DoInOrder(1, Op.Add("c", 1)).Done.Status);
        Assert.Equal("1", _rig.Do(Op.Get("c")).Done.Only.Value);
    }

    [Fact]
    public void A_batch_that_its_client_gave_up_is_not_waited_for_and_never_applied()
    {
        Ticket third = _rig.DoInOrder(3, Op.Set("k", "3"), acknowledgedBelow: 3);
        Assert.Equal(BatchStatus.Ok, third.Done.Status);
        Assert.Equal(BatchStatus.Indeterminate, _rig.DoInOrder(2, Op.Set("k", "2")).Done.Status);
        Assert.Equal("3", _rig.Do(Op.Get("k")).Done.Only.Value);
    }

    [Fact]
    public void Only_so_many_wait_behind_a_hole()
    {
        for (int number = 2; number <= 4; number++)
            Assert.True(_rig.DoInOrder(number, Op.Set("k")).IsWaiting);
        Assert.Equal(BatchStatus.ResendFrom, _rig.DoInOrder(5, Op.Set("k")).Done.Status);
    }

    [Fact]
    public void A_number_of_another_epoch_is_told_the_epoch_and_not_applied()
    {
        Ticket old = _rig.DoInOrder(1, Op.Set("k"), epoch: 0);
        Assert.Equal((BatchStatus.EpochChanged, 1L), (old.Done.Status, old.Done.Epoch));
        Assert.Equal(OperationStatus.NotFound, _rig.Do(Op.Get("k")).Done.Only.Status);
    }

    [Fact]
    public void Stepping_down_refuses_what_waits_behind_a_hole_as_not_applied()
    {
        Ticket second = _rig.DoInOrder(2, Op.Set("k"));
        _rig.Core.StepDown("over");
        Assert.Equal(BatchStatus.NotPrimary, second.Done.Status);
    }

    [Fact]
    public void A_client_whose_batches_may_be_under_way_is_not_forgotten()
    {
        _rig.DoInOrder(1, Op.Add("c", 1), client: 1);
        _rig.DoInOrder(1, Op.Set("k"), client: 2);
        Assert.Equal(BatchStatus.Overloaded, _rig.DoInOrder(1, Op.Set("k"), client: 3).Done.Status);
        Assert.Equal(BatchStatus.Indeterminate, _rig.DoInOrder(1, Op.Add("c", 1), client: 1).Done.Status);
        Assert.Equal("1", _rig.Do(Op.Get("c")).Done.Only.Value);
        _rig.PassTime(61_000);
        Assert.Equal(BatchStatus.Ok, _rig.DoInOrder(1, Op.Set("k"), client: 3).Done.Status);
    }

    [Fact]
    public void A_new_client_is_refused_while_all_others_wait_behind_holes()
    {
        _rig.DoInOrder(2, Op.Set("k"), client: 7);
        _rig.DoInOrder(2, Op.Set("k"), client: 8);
        Assert.Equal(BatchStatus.Overloaded, _rig.DoInOrder(1, Op.Set("k"), client: 9).Done.Status);
    }

    [Fact]
    public void Clients_do_not_wait_for_each_other()
    {
        Assert.True(_rig.DoInOrder(2, Op.Set("k"), client: 1).IsWaiting);
        Assert.Equal(BatchStatus.Ok, _rig.DoInOrder(1, Op.Set("k"), client: 2).Done.Status);
    }
}
