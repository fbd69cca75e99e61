using System.Net;
using Grid.Silo.Services;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Grid.Tests.Silo;

/// <summary>Who may say that a silo is dead.</summary>
public sealed class VotesOfTheLivingTests
{
    private static readonly TableVersion Version = new(7, "e7");

    [Fact]
    public void Votes_of_silos_that_are_not_active_do_not_count()
    {
        MembershipTableData counted = VotesOfTheLiving.Count(Table(
            Row(1, SiloStatus.Active, 3, 4),
            Row(2, SiloStatus.Active, 4),
            Row(3, SiloStatus.Dead),
            Row(4, SiloStatus.Active),
            Row(5, SiloStatus.ShuttingDown, 9)));
        Assert.Equal([4], VotersAgainst(counted, 1));
        Assert.Equal([4], VotersAgainst(counted, 2));
        Assert.Empty(VotersAgainst(counted, 5));
        Assert.Equal(Version, counted.Version);
        Assert.All(counted.Members, static member => Assert.Equal($"etag-{member.Item1.SiloAddress.Endpoint.Port}", member.Item2));
    }

    [Fact]
    public void All_else_of_a_row_stays_as_it_is()
    {
        MembershipEntry row = Row(1, SiloStatus.Active, 3).Item1;
        MembershipEntry counted = VotesOfTheLiving.Count(Table(Tuple.Create(row, "etag-1"), Row(3, SiloStatus.Dead))).TryGet(row.SiloAddress)!.Item1;
        Assert.Empty(counted.SuspectTimes!);
        Assert.Single(row.SuspectTimes!);
        foreach (System.Reflection.PropertyInfo property in typeof(MembershipEntry).GetProperties().Where(static property => property.Name != nameof(MembershipEntry.SuspectTimes)))
            Assert.Equal(property.GetValue(row), property.GetValue(counted));
    }

    [Fact]
    public void What_led_to_a_death_stays_on_record()
    {
        MembershipTableData counted = VotesOfTheLiving.Count(Table(Row(1, SiloStatus.Dead, 2, 3), Row(2, SiloStatus.Active), Row(3, SiloStatus.Dead, 2)));
        Assert.Equal([2, 3], VotersAgainst(counted, 1));
    }

    [Fact]
    public void It_goes_around_the_table_that_is_registered_last()
    {
        ServiceCollection services = new();
        Assert.False(VotesOfTheLiving.AddTo(services));
        services.AddSingleton<IMembershipTable>(new VotesOfTheLiving(null!));
        Assert.True(VotesOfTheLiving.AddTo(services));
        using ServiceProvider provider = services.BuildServiceProvider();
        Assert.IsType<VotesOfTheLiving>(provider.GetRequiredService<IMembershipTable>());
    }

    private static MembershipTableData Table(params Tuple<MembershipEntry, string>[] rows) => new([.. rows], Version);

    private static Tuple<MembershipEntry, string> Row(int silo, SiloStatus status, params int[] voters) => Tuple.Create(
        new MembershipEntry
        {
            SiloAddress = Silo(silo),
            Status = status,
            SuspectTimes = [.. voters.Select(static voter => Tuple.Create(Silo(voter), new DateTime(2026, 1, 1, 0, 0, voter, DateTimeKind.Utc)))],
            ProxyPort = 30000 + silo,
            HostName = $"host-{silo}",
            SiloName = $"silo-{silo}",
            RoleName = "role",
            UpdateZone = 3,
            FaultZone = 4,
            StartTime = new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc),
            IAmAliveTime = new DateTime(2026, 1, 2, 0, 0, 0, DateTimeKind.Utc),
        },
        $"etag-{silo}");

    private static SiloAddress Silo(int number) => SiloAddress.New(IPAddress.Loopback, number, 1);

    private static IEnumerable<int> VotersAgainst(MembershipTableData table, int silo) =>
        table.TryGet(Silo(silo))!.Item1.SuspectTimes!.Select(static vote => vote.Item1.Endpoint.Port);
}
