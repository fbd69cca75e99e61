using Xunit;

namespace Grid.Cluster.Tests.Server;

/// <summary>
/// Tests that start several processes run one after the other, beside at most one cluster within the tests' own process: silos that get no processor
/// for a second are given up for dead, as they should be.
/// </summary>
[CollectionDefinition(Name)]
public sealed class Processes : ICollectionFixture<GridBinary>
{
    /// <summary>The collection.</summary>
    public const string Name = "Processes";
}
