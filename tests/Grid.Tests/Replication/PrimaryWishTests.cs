using Grid.Replication.Links;
using Grid.Replication.Primary;
using Grid.Tests.Replication.Rigs;
using Xunit;

namespace Grid.Tests.Replication;

/// <summary>Where replicas are wanted: a primary grows first and drops later, and is never left with fewer than it had.</summary>
public sealed class PrimaryWishTests
{
    private static readonly PrimaryOptions One = new() { Replicas = 1 };

    [Fact]
    public void A_copy_is_dropped_only_when_the_one_that_takes_its_place_is_in_sync()
    {
        PrimaryRig rig = new PrimaryRig(One).With("b");
        Want(rig, "c");
        Assert.Null(rig.Writing);
        Assert.Contains("c", rig.Started);

        Assert.Equal(AttachAnswer.Accepted, rig.Attach("c"));
        Assert.Null(rig.Writing);
        rig.Acknowledge("c");
        Assert.Equal(["b", "c"], rig.Writing!.Members.Select(member => member.Silo));
        rig.RecordLands();
        Assert.Equal(["c"], rig.Writing!.Members.Select(member => member.Silo));
        rig.RecordLands();

        rig.Wait(100, "b", "c");
        Assert.DoesNotContain("b", rig.Core.Links.Select(link => link.Silo));
        Assert.Equal(AttachAnswer.NotWanted, rig.Attach("b"));
        Assert.Equal(["c"], rig.Core.Record.Members.Select(member => member.Silo));
    }

    [Fact]
    public void More_copies_than_are_wanted_in_the_end_are_kept_until_all_are_in_sync_that_count()
    {
        PrimaryRig rig = new PrimaryRig(new PrimaryOptions { Replicas = 2 }).With("b", "c");
        Want(rig, "c", "d", "e");
        rig.Attach("d");
        rig.Acknowledge("d");
        rig.RecordLands();
        Assert.Equal(["c", "d"], rig.Writing!.Members.Select(member => member.Silo));
        rig.RecordLands();
        Assert.Equal(AttachAnswer.Accepted, rig.Attach("e"));
        rig.Acknowledge("e");
        rig.RecordLands();
        Assert.Equal(["c", "d", "e"], rig.Core.Record.Members.Select(member => member.Silo));
    }

    [Fact]
    public void A_wanted_copy_that_fails_leaves_the_old_one_where_it_is()
    {
        PrimaryRig rig = new PrimaryRig(One).With("b");
        Want(rig, "c");
        rig.Attach("c");
        rig.SilosAre("a", "b");
        rig.Wait(5000, "b");
        Assert.Null(rig.Writing);
        Assert.Equal(["b"], rig.Core.Record.Members.Select(member => member.Silo));
        Assert.Contains("b", rig.Core.Links.Select(link => link.Silo));
    }

    [Fact]
    public void A_member_that_is_not_wanted_stays_while_the_wanted_one_is_not_well()
    {
        PrimaryRig rig = new PrimaryRig(new PrimaryOptions { Replicas = 1, ReplicaTimeoutMs = 1000 }).With("b");
        Want(rig, "c");
        rig.Attach("c");
        rig.Acknowledge("c");
        rig.SilosAre("a", "b");
        rig.RecordLands();
        while (rig.Writing is not null)
            rig.RecordLands();
        Assert.Equal(["b"], rig.Core.Record.Members.Select(member => member.Silo));
    }

    [Fact]
    public void Without_a_wish_vacancies_are_filled_but_not_on_silos_that_drain()
    {
        PrimaryRig rig = new(One, others: ["b", "c"]);
        rig.Core.Avoid(["b"]);
        rig.Started.Clear();
        rig.Wait(5000);
        Assert.Equal(["c"], rig.Started.Distinct());
        Assert.Null(rig.Core.Wanted);
    }

    [Fact]
    public void A_vacancy_is_filled_elsewhere_when_the_wanted_silo_is_gone()
    {
        PrimaryRig rig = new PrimaryRig(One, others: ["b", "c"]);
        Want(rig, "z");
        rig.Started.Clear();
        rig.Wait(5000);
        Assert.Single(rig.Started.Distinct());
    }

    private static void Want(PrimaryRig rig, params string[] silos)
    {
        rig.SilosAre(["a", "b", .. silos.Where(silo => silo is not ("a" or "b" or "z"))]);
        rig.Core.Want(silos, rig.Now);
    }
}
