using Grid.Silo.Services;
using Microsoft.Extensions.DependencyInjection;

namespace Grid.Silo.Records;

/// <summary>What a membership table that was registered after the grid does not guarantee.</summary>
internal sealed class MembershipWarnings(IServiceProvider services) : IRecordStorageWarnings
{
    public ValueTask<IReadOnlyList<string>> CheckAsync(CancellationToken cancellation) => new(services.GetService<IMembershipTable>() is null or VotesOfTheLiving
        ? []
        : ["Clustering was configured after AddGrid, so the votes of dead silos count: a cluster that is cut in two may lose silos on both sides, and shards with them. Configure clustering first."]);
}
